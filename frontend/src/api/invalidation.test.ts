import { grownLog, joinKeys, staleKeys } from "./invalidation";

const event = (type: string, payload: unknown) => ({ type, position: 1, payload });

test.each([
  ["TASK_FAIL", { issue: 7, pipeline: 9 }, ["issue", "pipeline", "tasks", "task", "activity", "issues"]],
  ["TASK_START", { issue: null, pipeline: 9 }, ["pipeline", "tasks", "task", "syncs", "instance"]],
  [
    "PROMOTED",
    { issue: 7, pipeline: null },
    ["issue", "activity", "issues", "board", "database-releases", "promotion"],
  ],
  ["COMMENTED", { issue: 7, pipeline: 9 }, ["activity"]],
  ["ISSUE_CREATED", { issue: 7, pipeline: 9 }, ["issues", "projects"]],
  ["LOG_APPENDED", { run: 1, task: 2, last_seq: 3 }, []],
  ["DRIFT_OPENED", { data: { drift: 1 } }, ["drifts", "drift"]],
  ["SOMETHING_NEW", null, []],
])("%s makes %j old", (type, payload, families) => {
  expect(staleKeys(event(type, payload)).map((k) => k[0])).toEqual(families);
});

test("a log event is read bare or wrapped, and nothing else is a log event", () => {
  expect(grownLog(event("LOG_APPENDED", { run: 4, task: 2, last_seq: 30 }))).toEqual({ run: 4, lastSeq: 30 });
  expect(grownLog(event("LOG_APPENDED", { data: { run: 4, last_seq: 30 } }))).toEqual({
    run: 4,
    lastSeq: 30,
  });
  expect(grownLog(event("LOG_APPENDED", {}))).toBeNull();
  expect(grownLog(event("TASK_START", { run: 4 }))).toBeNull();
});

test("a shorter key covers longer ones, and duplicates go", () => {
  expect(joinKeys([["task", 3], ["task"], ["issue", 1], ["issue", 1], ["issues"]])).toEqual([
    ["task"],
    ["issue", 1],
    ["issues"],
  ]);
});
