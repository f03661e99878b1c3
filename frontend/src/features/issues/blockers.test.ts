import { blocker, issue, stage } from "@/test/samples";
import { mainBlocker, onlyAdvanceLeft, pipelineBlockers, shortBlocker, sortBlockers } from "./blockers";

test("what people can clear comes before waiting for a turn, and each reason is said once", () => {
  const sorted = sortBlockers([
    blocker("order"),
    blocker("limit"),
    blocker("approval"),
    blocker("hold"),
    blocker("approval"),
  ]);
  expect(sorted.map((b) => b.gate)).toEqual(["hold", "approval", "limit", "order"]);
});

test("unfinished stages that are held back, in rollout order; nothing on a closed issue", () => {
  const stages = [
    stage({ name: "prod", position: 2, blockers: [blocker("order"), blocker("approval")] }),
    stage({ name: "dev", position: 0, status: "succeeded", blockers: [blocker("advance")] }),
    stage({ name: "staging", position: 1, blockers: [blocker("advance")] }),
  ];
  expect(pipelineBlockers(issue({ stages }).pipeline).map((s) => [s.stage, s.blockers.length])).toEqual([
    ["staging", 1],
    ["prod", 2],
  ]);
  expect(pipelineBlockers(issue({ status: "canceled", stages }).pipeline)).toEqual([]);
});

test.each([
  [blocker("approval"), "Needs approval"],
  [blocker("approval", "changes_requested"), "Changes requested"],
  [blocker("order", "not_passed"), "Waits for its turn"],
  [blocker("something-new", "x", "The moon is full"), "The moon is full"],
])("a card says %j in a few words", (given, words) => {
  expect(shortBlocker(given)).toBe(words);
});

test("a stage explains itself by its nearest gate", () => {
  expect(mainBlocker(stage({ blockers: [blocker("order"), blocker("approval")] }))?.gate).toBe("approval");
  expect(mainBlocker(stage())).toBeUndefined();
  expect(onlyAdvanceLeft(stage({ blockers: [blocker("advance")] }))).toBe(true);
  expect(onlyAdvanceLeft(stage({ blockers: [blocker("advance"), blocker("order")] }))).toBe(false);
  expect(onlyAdvanceLeft(stage())).toBe(false);
});
