import type { SchemaChange } from "@/api/types";
import { countsText, detailLines, endText, objectText, untilIso } from "./driftText";

const change = (some: Partial<SchemaChange>): SchemaChange => ({
  kind: "changed",
  type: "column",
  path: ["public", "orders", "total"],
  before: { type: "numeric(12,2)", nullable: false, default: null },
  after: { type: "numeric(14,2)", nullable: false, default: "0" },
  hazards: [],
  maybe_renamed_from: null,
  unrendered: null,
  ...some,
});

test.each([
  [null, "Being counted"],
  [{ added: 2, removed: 0, changed: 1 }, "2 added, 1 changed"],
  [{ added: 0, removed: 1200, changed: 0 }, `${(1200).toLocaleString()} removed`],
  [{ added: 0, removed: 0, changed: 0 }, "Nothing that has a name"],
])("%o is said as %s", (changes, text) => {
  expect(countsText(changes)).toBe(text);
});

test("an object is named from the outside in", () => {
  expect(objectText(change({}))).toBe("column public.orders.total");
  expect(objectText(change({ type: "materialized_view", path: ["v"] }))).toBe("materialized view v");
  expect(objectText(change({ type: "database", path: [] }))).toBe("database");
});

test("only what is another than before is said of a change", () => {
  expect(detailLines(change({}))).toEqual(["type: numeric(12,2) → numeric(14,2)", "default: none → 0"]);
  expect(detailLines(change({ kind: "added" }))).toEqual([]);
  const [long] = detailLines(change({ before: null, after: { definition: "x".repeat(500) } }));
  expect(long).toBe(`definition: none → ${"x".repeat(120)}…`);
});

test.each([
  [{ status: "open", ended_because: null }, null],
  [{ status: "ignored", ended_because: null }, null],
  [{ status: "accepted", ended_because: null }, "Accepted"],
  [{ status: "ended", ended_because: "gone" }, "As expected again"],
] as const)("%o ended: %s", (drift, text) => {
  expect(endText(drift)).toBe(text);
});

test("a time that is typed is the reader's own", () => {
  expect(untilIso("2030-01-31T12:00")).toBe(new Date(2030, 0, 31, 12).toISOString());
  expect(untilIso("")).toBeNull();
  expect(untilIso("tomorrow")).toBeNull();
});
