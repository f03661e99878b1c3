import { issue, stage } from "@/test/samples";
import { issueAction } from "./issueAction";

const dev = stage({ name: "dev", position: 0 });
const prod = stage({ name: "prod", position: 2 });

test.each([
  [
    "my turn → review",
    issue({ stages: [{ ...dev, actions: ["approve", "reject"] }] }),
    { kind: "review", stages: ["dev"] },
  ],
  [
    "approved → run, with the number of tasks",
    issue({
      stages: [{ ...dev, actions: ["advance"], counts: { ...dev.counts, waiting: 2, ready: 1, total: 3 } }],
    }),
    { kind: "advance", stage: "dev", environment: "dev", count: 3 },
  ],
  [
    "failed → retry",
    issue({
      result: "failed",
      stages: [{ ...dev, actions: ["retry_failed"], counts: { ...dev.counts, failed: 4 } }],
    }),
    { kind: "retry", stage: "dev", environment: "dev", count: 4 },
  ],
  [
    "an earlier failure comes before a later review",
    issue({
      stages: [
        { ...prod, actions: ["approve"] },
        { ...dev, actions: ["retry_failed"], counts: { ...dev.counts, failed: 1 } },
      ],
    }),
    { kind: "retry", stage: "dev", environment: "dev", count: 1 },
  ],
  [
    "review covers every stage that I may approve",
    issue({
      stages: [
        { ...prod, actions: ["approve"] },
        { ...dev, actions: ["approve"] },
      ],
    }),
    { kind: "review", stages: ["dev", "prod"] },
  ],
  ["running → cancel", issue({ result: "running", actions: ["cancel"], stages: [dev] }), { kind: "cancel" }],
  ["not mine → the status alone", issue({ result: "blocked", actions: [], stages: [dev] }), { kind: "none" }],
  [
    "held → resume",
    issue({ held: true, actions: ["resume"], stages: [{ ...dev, actions: ["approve"] }] }),
    { kind: "resume" },
  ],
  [
    "canceled → reopen",
    issue({ status: "canceled", actions: ["reopen"], stages: [dev] }),
    { kind: "reopen" },
  ],
  ["canceled and not allowed", issue({ status: "canceled", stages: [dev] }), { kind: "none" }],
  ["done → nothing", issue({ status: "done", actions: ["cancel"], stages: [dev] }), { kind: "none" }],
])("%s", (_, given, expected) => {
  expect(issueAction(given)).toEqual(expected);
});
