import { findingMarks, orderMarks } from "./marks";

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

test("marks stay inside the script and in its order", () => {
  const marks = findingMarks([finding("error", 99), finding("warning", 1)]);
  expect(orderMarks(marks, 5).map((m) => m.line)).toEqual([1, 5]);
});
