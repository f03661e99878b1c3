import type { Failure } from "@/api/types";
import { blocker } from "@/test/samples";
import { cancelingText, evidence, isUnknown, settleText, steadyBlockers, taskBadge } from "./taskState";

const failure = (some: Partial<Failure>) => ({ kind: "statement", data: null, ...some }) as Failure;
const unknown = failure({ kind: "outcome_unknown" });

test.each([
  ["failed", failure({}), "failed"],
  ["failed", unknown, "Outcome unknown"],
  ["waiting", unknown, "waiting"],
  ["succeeded", null, "succeeded"],
])("a task that is %s with %j shows %s", (status, found, shown) => {
  const badge = taskBadge({ status, failure: found });
  expect(badge.label ?? badge.status).toBe(shown);
  expect(isUnknown({ status, failure: found })).toBe(shown === "Outcome unknown");
});

test("canceling says what has not happened yet", () => {
  expect(cancelingText({ status: "canceling", attempts: 1, instance: "pg-dev" })).toContain(
    "pg-dev was asked to stop; it has not answered yet.",
  );
  expect(cancelingText({ status: "canceling", attempts: 0, instance: "pg-dev" })).toContain(
    "before it began",
  );
});

test("what a running task waited for stays for a moment, and no longer", () => {
  const lock = { blockers: [blocker("lock")], at: 1_000 };
  expect(steadyBlockers({ status: "running", blockers: lock.blockers }, null, 1_000)).toEqual(lock);
  expect(steadyBlockers({ status: "running", blockers: [] }, lock, 9_000)).toBe(lock);
  expect(steadyBlockers({ status: "running", blockers: [] }, lock, 11_001)).toBeNull();
  expect(steadyBlockers({ status: "succeeded", blockers: [] }, lock, 2_000)).toBeNull();
  expect(steadyBlockers({ status: "running", blockers: [] }, null, 2_000)).toBeNull();
});

test("what is known is sorted: three views, the difference, the rest", () => {
  const data = {
    before: "a int",
    expected: null,
    now: "a int\nb int",
    diff: ["--- before", "+++ now", "@@ -1 +1,2 @@", " a int", "+b int", "--- c", 7],
    server_version: "10.11",
    locks: [1],
    nothing: null,
  };
  const found = evidence({ data });
  expect(found.views).toEqual([
    { name: "Before it ran", text: "a int" },
    { name: "There now", text: "a int\nb int" },
  ]);
  expect(found.diff.map((l) => l.kind)).toEqual(["head", "head", "head", "same", "add", "del"]);
  expect(found.rest).toEqual([
    ["server version", "10.11"],
    ["locks", "[\n  1\n]"],
  ]);
  expect(evidence({ data: null })).toEqual({ views: [], diff: [], rest: [] });
});

test.each([
  ["applied", "V7", "writes change V7 into the database's ledger"],
  ["not_applied", undefined, "runs the change again"],
] as const)("settled as %s", (outcome, version, words) => {
  expect(settleText(outcome, version)).toContain(words);
});
