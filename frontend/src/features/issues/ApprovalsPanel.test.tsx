import { screen, within } from "@testing-library/react";
import { show, violations } from "@/test/render";
import { ana, stage } from "@/test/samples";
import { ApprovalsPanel } from "./ApprovalsPanel";

const bo = { id: 2, name: "Bo", email: "bo@example.com", kind: "person" };
const people = ["Cy", "Di", "Ed"].map((name, i) => ({ ...bo, id: 10 + i, name }));
const step = (some: object) => ({
  index: 0,
  label: "project owner",
  any_of: ["role:project:owner"],
  count: 1,
  approved_by: [],
  candidates: [],
  because: null,
  more_candidates: false,
  satisfied: false,
  next: false,
  can_approve: false,
  ...some,
});
const approval = (some: object) => ({
  id: 1,
  stage: "prod",
  step: 0,
  person: bo,
  decision: "approve" as const,
  comment: "",
  state: "fresh" as const,
  why: null,
  digest: "sha256:1",
  at: "2026-11-01T10:00:00Z",
  ...some,
});

test("who approved, who is still needed, and what does not count any more", async () => {
  const prod = stage({
    name: "prod",
    steps: [
      step({ approved_by: [bo], satisfied: true }),
      step({ index: 1, label: "DBA", next: true, can_approve: true, candidates: [ana, ...people] }),
      step({ index: 2, label: "administrator" }),
      step({
        index: 3,
        label: "DBA",
        because: "the change removes data",
        candidates: people,
        more_candidates: true,
      }),
    ],
    approvals: [
      approval({ id: 2, state: "stale", why: "It was given on an earlier version of this stage." }),
      approval({ id: 4, state: "void", why: "Bo can no longer sign in." }),
      approval({ id: 3, decision: "reject", comment: "No index" }),
    ],
  });
  const { container } = show(<ApprovalsPanel stages={[prod, stage({ name: "dev", position: -1 })]} />);
  expect(screen.getAllByRole("heading", { level: 3 }).map((h) => h.textContent)).toEqual(["dev", "prod"]);
  const [steps, decisions] = [screen.getAllByRole("list")[0], screen.getAllByRole("list")[1]] as [
    HTMLElement,
    HTMLElement,
  ];
  expect(
    within(steps)
      .getAllByRole("listitem")
      .map((li) => li.textContent),
  ).toEqual([
    "project owner: approvedBo",
    "DBA: still neededCould approve now: you, Cy, Di, +1",
    "administrator: still neededAfter the step before: Nobody can approve this now: ask an administrator to add somebody.",
    "DBA: still neededAfter the step before: Cy, Di, Ed, +1 or moreAdded because the change removes data.",
  ]);
  expect(decisions).toHaveTextContent("Stale: It was given on an earlier version of this stage.");
  expect(decisions).toHaveTextContent("Void: Bo can no longer sign in.");
  expect(decisions).toHaveTextContent("Bo requested changes");
  expect(decisions).toHaveTextContent("No index");
  expect(await violations(container)).toEqual([]);
});
