import type { TierOut } from "@/api/types";
import {
  choices,
  emptyEscalation,
  emptyStep,
  emptyWindow,
  fromTier,
  placedProblems,
  tierProblems,
  toTier,
} from "./tierForm";

const tier: TierOut = {
  slug: "critical",
  name: "Critical",
  steps: [{ any_of: [{ role: "project:owner" }, { user: "bo@x" }, { group: "payments" }], count: 2 }],
  escalations: [
    {
      when: { destructive: true, rows_over: 100_000, table_bytes_over: 5 * 1024 * 1024 },
      add_steps: [{ any_of: [{ role: "workspace:dba" }], count: 1 }],
    },
    { when: { finding_severity: "warning" }, add_steps: [{ any_of: [{ group: "payments" }], count: 1 }] },
  ],
  next_windows: [],
  self_approval: false,
  rollout: "manual" as const,
  blocking_severity: "error" as const,
  requires_lower_environments: true,
  soak: 60,
  windows: [{ cron: "0 22 * * 1-5", duration_minutes: 90, time_zone: "Europe/Berlin" }],
  environments: [],
  version: 3,
};

test("there and back", () => {
  const { slug, environments, next_windows, version, ...rules } = tier;
  expect(toTier(fromTier(tier))).toEqual(rules);
  expect(tierProblems(fromTier(tier))).toEqual({});
});

test.each([
  [{ who: [], count: 1 }, "Choose at least one role, group or person."],
  [{ who: ["bo"], count: 1 }, "“bo” is neither a role, a group nor an e-mail address."],
  [{ who: ["bo@x"], count: 11 }, "1 to 10 approvals."],
])("%j is refused", (step, problem) => {
  expect(tierProblems({ ...fromTier(tier), steps: [{ key: 7, ...step }] })).toEqual({ "steps.7": problem });
});

test.each([
  [0, undefined],
  [525_600, undefined],
  ["", "0 minutes to a year."],
  [-1, "0 minutes to a year."],
  [1.5, "0 minutes to a year."],
])("a soak of %j: %j", (soak, problem) => {
  expect(tierProblems({ ...fromTier(tier), soak }).soak).toBe(problem);
});

test("a new tier needs its names", () => {
  expect(Object.keys(tierProblems({ ...fromTier(null), steps: [emptyStep(1)] }))).toEqual(["name", "slug"]);
});

test("a soak time needs the lower environments", () => {
  expect(tierProblems({ ...fromTier(tier), lowerFirst: false }).soak).toContain("lower environments");
});

test.each([
  [{ destructive: false }, "Say when: choose a condition."],
  [{ steps: [] }, "Add the step that it asks for."],
  [{ rows: -1 }, "0 or more."],
  [{ rows: 1.5 }, "0 or more."],
  [{ size: 0.5 }, undefined],
])("an escalation with %j: %j", (some, problem) => {
  const form = { ...fromTier(tier), escalations: [{ ...emptyEscalation(3), ...some }] };
  expect(tierProblems(form)["escalations.3"]).toBe(problem);
});

test.each([
  [{ cron: "22 *" }, "Five fields, such as 0 22 * * 1-5."],
  [{ minutes: 0 }, "1 minute to a week."],
  [{ zone: " " }, "A time zone, such as Europe/Berlin."],
  [{}, undefined],
])("a window with %j: %j", (some, problem) => {
  const form = { ...fromTier(tier), windows: [{ ...emptyWindow(2), ...some }] };
  expect(tierProblems(form)["windows.2"]).toBe(problem);
});

test("what the server refuses is shown where it is", () => {
  const errors = [
    { field: "steps[0].any_of[1].user", message: "There is no user." },
    { field: "escalations[1].add_steps[0].any_of[0].group", message: "There is no group." },
    { field: "escalations[0].when", message: "Say when." },
    { field: "windows[0].cron", message: "Never." },
    { field: "soak", message: "Too long." },
  ];
  expect(placedProblems(fromTier(tier), errors)).toEqual({
    "steps.1": "There is no user.",
    "escalations.2.steps.1": "There is no group.",
    "escalations.1": "Say when.",
    "windows.1": "Never.",
    soak: "Too long.",
  });
});

test("groups stand beside the roles", () => {
  expect(choices([{ slug: "payments", name: "Payments" }]).at(-1)).toEqual({
    value: "group:payments",
    label: "Group Payments",
  });
});
