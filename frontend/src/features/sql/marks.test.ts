import { step } from "@/test/samples";
import { findingMarks, joinMarks, orderMarks, stepMarks, stepText } from "./marks";

const finding = (severity: "error" | "warning" | "info", line: number | null) => ({
  rule: "r",
  severity,
  message: `${severity} ${line}`,
  hint: null,
  statement_index: 0,
  line,
  column: 3,
});

test("errors and warnings with a place are marked", () => {
  expect(findingMarks([finding("error", 2), finding("info", 3), finding("warning", null)])).toEqual([
    { line: 2, column: null, message: "error 2", kind: "error" },
  ]);
});

test("cuts are marked where a step begins, and say how it runs", () => {
  const marks = stepMarks([step(0, true), step(1, false), step(2, false, { undecidable: true })]);
  expect(marks.map((m) => `${m.line}: ${m.message}`)).toEqual([
    "1: Step 1 of 3 · one transaction",
    "3: Step 2 of 3 · outside a transaction",
    "5: Step 3 of 3 · outside a transaction · undecidable after a crash",
  ]);
});

test.each([
  [{ creates: ["orders_idx"], reads: ["orders"] }, "Step 1 of 1 · one transaction · creates orders_idx"],
  [
    { writes: ["a", "b"], drops: ["c"], opaque: true },
    "Step 1 of 1 · one transaction · writes a, b · drops c · what it does cannot be read from its text",
  ],
  [{ writes: ["a", "b", "c", "d", "e"] }, "Step 1 of 1 · one transaction · writes a, b, c and 2 more"],
])("%j: %s", (some, words) => {
  expect(stepText(step(0, true, some), 1)).toBe(words);
});

test.each([
  [[], 0],
  [[step(0, true)], 0],
  [[step(0, false)], 1],
  [[{ ...step(0, false), line: null }], 0],
])("%j has %i cuts", (steps, count) => {
  expect(stepMarks(steps)).toHaveLength(count);
});

test("what all engines say is said once, the rest names its engine", () => {
  const [one, two] = findingMarks([finding("error", 1), finding("warning", 2)]);
  if (!one || !two) throw new Error("two marks");
  const joined = joinMarks([
    { engine: "PostgreSQL", marks: [one, two] },
    { engine: "MariaDB", marks: [one] },
  ]);
  expect(joined.map((m) => m.message)).toEqual(["error 1", "PostgreSQL: warning 2"]);
  expect(joinMarks([{ engine: "MariaDB", marks: [one] }])).toEqual([one]);
});

test("marks stay inside the script and in its order", () => {
  const marks = findingMarks([finding("error", 99), finding("warning", 1)]);
  expect(orderMarks(marks, 5).map((m) => m.line)).toEqual([1, 5]);
});
