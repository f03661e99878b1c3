import type { LogLine } from "@/api/types";
import { findFailures, findMatches, indexOfSeq, jump, logText, splitMatches } from "./logSearch";

const line = (seq: number, text: string, level: LogLine["level"] = "info"): LogLine => ({
  seq,
  at: "2026-11-21T12:00:00Z",
  level,
  text,
  statement_index: null,
});
const lines = [line(1, "BEGIN"), line(4, "alter TABLE orders"), line(5, "no table", "error"), line(9, "end")];

test("text and failures are found", () => {
  expect(findMatches(lines, " table ")).toEqual([1, 2]);
  expect(findMatches(lines, "")).toEqual([]);
  expect(findFailures(lines)).toEqual([2]);
});

test.each([
  [[2, 5, 9], -1, 1, 2],
  [[2, 5, 9], 2, 1, 5],
  [[2, 5, 9], 9, 1, 2],
  [[2, 5, 9], 5, -1, 2],
  [[2, 5, 9], 2, -1, 9],
  [[], 3, 1, undefined],
] as const)("from %j at %i by %i to %s", (positions, from, step, to) => {
  expect(jump([...positions], from, step)).toBe(to);
});

test.each([
  [1, 0],
  [4, 1],
  [6, 3],
  [9, 3],
  [10, -1],
])("line id %i is at %i", (seq, at) => {
  expect(indexOfSeq(lines, seq)).toBe(at);
});

test("matches are split out, whatever their case", () => {
  expect(splitMatches("Alter table", "TABLE")).toEqual([
    { text: "Alter ", hit: false, at: 0 },
    { text: "table", hit: true, at: 6 },
  ]);
  expect(splitMatches("plain", "")).toEqual([{ text: "plain", hit: false, at: 0 }]);
});

test("a downloaded log has time and level on every line", () => {
  expect(logText([lines[2] as LogLine])).toBe("2026-11-21T12:00:00Z ERROR   no table\n");
});
