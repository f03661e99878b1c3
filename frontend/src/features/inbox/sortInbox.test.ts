import type { IssueSummary } from "@/api/types";
import { ana } from "@/test/samples";
import { inboxCount, sortInbox } from "./sortInbox";

const one = (id: number, some: Partial<IssueSummary> = {}): IssueSummary => ({
  id,
  project: "shop",
  title: `#${id}`,
  status: "open",
  result: "blocked",
  labels: {},
  author: ana,
  stages: [],
  waiting_for: [],
  approvals_done: 0,
  approvals_needed: 1,
  created_at: "2026-11-01T10:00:00Z",
  updated_at: "2026-11-01T10:00:00Z",
  ...some,
});
const ids = (issues: IssueSummary[]) => issues.map((i) => i.id);

test("each issue appears once, under what hurts most", () => {
  const failed = one(1, { result: "failed" });
  const approve = one(2);
  const run = one(3, { approvals_done: 1 });
  const own = one(4, { result: "running" });
  const over = one(5, { status: "canceled", result: "failed" });
  const inbox = sortInbox([failed, approve, run], [failed, run, own, over]);
  expect([ids(inbox.failed), ids(inbox.approve), ids(inbox.run), ids(inbox.mine)]).toEqual([
    [1],
    [2],
    [3],
    [4],
  ]);
  expect(inboxCount(inbox)).toBe(3);
});

test("nothing waits", () => {
  expect(inboxCount(sortInbox([], [one(1)]))).toBe(0);
});
