import type { ChangeOut } from "@/api/types";
import {
  addFiles,
  type DraftChange,
  emptyChange,
  emptyDraft,
  fromFile,
  fromRelease,
  missing,
  missingUpTo,
  readDraft,
  toIssue,
  toRevision,
} from "./draft";

const whole = {
  project: "shop",
  databases: [1],
  group: "",
  title: "Add currency",
  description: "",
  changes: [{ ...emptyChange(), statement: "SELECT 1" }],
};

test.each([
  ["nothing yet", emptyDraft(), ["project", "title", "changes.0.statement"]],
  ["a group instead of databases", { ...whole, databases: [], group: "eu" }, []],
  ["no database", { ...whole, databases: [] }, ["databases"]],
  ["blank title", { ...whole, title: "  " }, ["title"]],
  [
    "two changes without versions",
    { ...whole, changes: [whole.changes[0], { ...emptyChange(2), statement: "x" }] as typeof whole.changes },
    ["changes.0.version", "changes.1.version"],
  ],
  [
    "a version twice",
    { ...whole, changes: [1, 2].map((key) => ({ key, version: "7", name: "", statement: "x" })) },
    ["changes.1.version"],
  ],
  [
    "a version with a space",
    { ...whole, changes: [{ ...emptyChange(), version: "a b", statement: "x" }] },
    ["changes.0.version"],
  ],
  ["complete", whole, []],
])("%s", (_, draft, fields) => {
  expect(missing(draft).map((m) => m.field)).toEqual(fields);
});

test("a step is held up by itself and those before it", () => {
  expect(missingUpTo(emptyDraft(), 1).map((m) => m.field)).toEqual(["project"]);
  expect(missingUpTo({ ...whole, title: "" }, 1)).toEqual([]);
});

test("one unnamed script is sent as a statement, anything else as changes", () => {
  expect(toIssue({ ...whole, databases: [], group: "eu" }).targets).toEqual({ group: "eu" });
  expect(toIssue(whole)).toMatchObject({ statement: "SELECT 1", targets: { databases: [1] } });
  const named = { ...whole, changes: [{ ...emptyChange(), version: "7", statement: "SELECT 1" }] };
  expect(toIssue(named)).toMatchObject({
    release: { changes: [{ version: "7", name: "", statement: "SELECT 1" }] },
  });
  expect(toIssue(named)).not.toHaveProperty("statement");
});

test("a revision keeps what the editor does not show, with the change that it belongs to", () => {
  const made = (version: string, verify: string | null): ChangeOut => ({
    version,
    name: "",
    digest: "sha256:1",
    engine: "postgres",
    environments: ["dev"],
    statement: `SELECT ${version}`,
    revert: "SELECT 0",
    verify,
    bytes: 8,
    statements: 1,
    findings: [],
    steps: [],
  });
  const [, second] = fromRelease({ changes: [made("1", null), made("2", "SELECT true")] });
  const left = [
    { ...(second as DraftChange), statement: "SELECT 22" },
    { ...emptyChange(3), statement: "X" },
  ];
  expect(toRevision(left)).toEqual([
    {
      version: "2",
      name: "",
      statement: "SELECT 22",
      engine: "postgres",
      environments: ["dev"],
      verify: "SELECT true",
      revert: "SELECT 0",
    },
    { version: null, name: "", statement: "X" },
  ]);
});

test.each([
  ["V7__add_currency.sql", "7", "add_currency"],
  ["V2026_03__add_currency.sql", "2026_03", "add_currency"],
  ["003-orders.sql", "003", "orders"],
  ["orders.sql", "", "orders"],
])("%s names its change", (file, version, name) => {
  expect(fromFile(file, "x", 1)).toMatchObject({ version, name });
});

test("files come in number order and replace an empty change", () => {
  const files = ["V10__b.sql", "V9__a.sql"].map((name) => ({ name, text: name }));
  expect(addFiles([emptyChange()], files).map((c) => c.version)).toEqual(["9", "10"]);
  expect(addFiles(whole.changes, files)).toHaveLength(3);
});

test("a stored draft comes back; rubbish becomes an empty one", () => {
  expect(readDraft(JSON.stringify(whole))).toEqual(whole);
  expect(readDraft("{")).toEqual(emptyDraft());
  expect(readDraft('{"databases":"x","changes":[]}')).toEqual(emptyDraft());
  expect(readDraft(null)).toEqual(emptyDraft());
});
