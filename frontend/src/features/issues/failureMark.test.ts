import type { TaskOut } from "@/api/types";
import { failureMark } from "./failureMark";

const failure = {
  kind: "statement",
  class: "failed",
  code: "42601",
  message: "syntax error",
  statement_index: 0,
  line: 3,
  column: 7,
  hint: null,
  data: null,
};
const task = (some: Partial<TaskOut>) =>
  ({ status: "failed", failure, changes: [], ...some }) as unknown as TaskOut;
const mark = { line: 3, column: 7, message: "syntax error" };

test.each([
  [
    "the failed change",
    task({ changes: [{ version: "2", name: "", state: "failed", run: 1 }] }),
    ["1", "2"],
    { version: "2", ...mark },
  ],
  ["the only change", task({}), ["1"], { version: "1", ...mark }],
  ["several, none named", task({}), ["1", "2"], null],
  ["a task that was retried", task({ status: "running" }), ["1"], null],
  ["no position", task({ failure: { ...failure, line: null } }), ["1"], null],
])("%s", (_, given, versions, expected) => {
  expect(
    failureMark(
      given,
      versions.map((version) => ({ version })),
    ),
  ).toEqual(expected);
});
