import type { Failure, TaskSummary } from "@/api/types";
import { failurePlace, failureTitle, taskNote } from "./taskWords";

const failure = (some: Partial<Failure> = {}): Failure => ({
  kind: "statement",
  class: "failed",
  code: "42P01",
  message: "relation does not exist",
  statement_index: 2,
  line: 12,
  column: 5,
  hint: null,
  data: null,
  ...some,
});
const task = (some: Partial<TaskSummary>) =>
  ({
    failure: null,
    skip_reason: null,
    skip_note: null,
    progress: null,
    status: "waiting",
    ...some,
  }) as TaskSummary;

test.each([
  [task({ status: "failed", failure: failure() }), "relation does not exist"],
  [task({ status: "running", failure: failure(), progress: "41k rows" }), "41k rows"],
  [task({ status: "skipped", skip_reason: "manual", skip_note: "gone" }), "Skipped by a person: gone"],
  [task({ status: "skipped", skip_reason: "upstream_failed" }), "An earlier stage failed"],
  [task({ status: "canceling", progress: "2 of 3" }), "Asked the database to stop; no answer yet"],
  [task({}), ""],
])("note %#", (given, note) => {
  expect(taskNote(given)).toBe(note);
});

test("where it failed, as far as it is known", () => {
  expect(failurePlace(failure())).toBe("statement 3, line 12, column 5");
  expect(failurePlace(failure({ statement_index: null, line: null, column: null }))).toBe("");
  expect(failureTitle(failure({ kind: "brand_new" }))).toBe("brand new");
});
