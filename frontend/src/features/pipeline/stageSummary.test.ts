import { counts, stage } from "@/test/samples";
import { fanOutText, stageBar, stageSummary, stageToShow, taskFilters } from "./stageSummary";

test.each([
  [counts({ total: 3 }), "0 of 3 applied"],
  [counts({ total: 3, succeeded: 1, failed: 1, running: 1 }), "1 of 3 applied · 1 failed · 1 running"],
  [
    counts({ total: 4, canceled: 1, skipped: 1, scheduled: 2 }),
    "0 of 4 applied · 2 starting · 1 canceled · 1 skipped",
  ],
])("%#", (given, words) => {
  expect(stageSummary(given)).toBe(words);
});

test.each([
  [{}, ""],
  [{ max_parallel: 5 }, "At most 5 at once"],
  [
    { batch: [1, "10%", "100%"], batches: { current: 2, total: 3 }, max_failures: 1 },
    "Batch 2 of 3 (1, then 10%, then all) · stops after 1 failure",
  ],
  [{ batch: [1, "50%"] }, "In batches (1, then 50%)"],
])("%j fans out: %s", (some, words) => {
  expect(fanOutText(stage(some))).toBe(words);
});

test("the bar shows what ended and what moves", () => {
  expect(stageBar(counts({ total: 5, succeeded: 1, failed: 1, canceling: 1, skipped: 1 }))).toEqual([
    { tone: "good", count: 1 },
    { tone: "bad", count: 1 },
    { tone: "run", count: 1 },
    { tone: "neutral", count: 1 },
  ]);
});

test("only filters that find something are offered, failures first", () => {
  const offered = taskFilters(counts({ total: 5, succeeded: 3, failed: 2 }));
  expect(offered.map((f) => `${f.value} ${f.count}`)).toEqual(["all 5", "failed 2", "succeeded 3"]);
});

test.each([
  [["succeeded", "failed", "waiting"], "b"],
  [["succeeded", "running", "waiting"], "b"],
  [["succeeded", "waiting", "waiting"], "b"],
  [["succeeded", "succeeded", "succeeded"], "c"],
  [["running", "waiting", "error"], "c"],
])("stages %j open on %s", (statuses, name) => {
  const stages = statuses.map((status, position) => ({ name: "abc".charAt(position), position, status }));
  expect(stageToShow(stages)?.name).toBe(name);
});
