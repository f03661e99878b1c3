import { emptyStep, fromTier, tierProblems, toSteps } from "./tierForm";

const tier = {
  slug: "critical",
  name: "Critical",
  steps: [{ any_of: [{ role: "project:owner" }, { user: "bo@x" }], count: 2 }],
  self_approval: false,
  rollout: "manual" as const,
  blocking_severity: "error" as const,
  environments: [],
  version: 3,
};

test("there and back", () => {
  expect(toSteps(fromTier(tier))).toEqual(tier.steps);
  expect(tierProblems(fromTier(tier))).toEqual({});
});

test.each([
  [{ who: [], count: 1 }, "Choose at least one role or person."],
  [{ who: ["bo"], count: 1 }, "“bo” is neither a role nor an e-mail address."],
  [{ who: ["bo@x"], count: 11 }, "1 to 10 approvals."],
])("%j is refused", (step, problem) => {
  expect(tierProblems({ ...fromTier(tier), steps: [{ key: 7, ...step }] })).toEqual({ 7: problem });
});

test("a new tier needs its names", () => {
  expect(Object.keys(tierProblems({ ...fromTier(null), steps: [emptyStep(1)] }))).toEqual(["name", "slug"]);
});
