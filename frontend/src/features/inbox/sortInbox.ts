/** The inbox: what waits for the caller and why, in the order in which it hurts. */
import type { IssueSummary } from "@/api/types";

export type Inbox = {
  failed: IssueSummary[];
  approve: IssueSummary[];
  run: IssueSummary[];
  mine: IssueSummary[];
};

const FAILED = new Set(["failed", "error"]);

/** An issue appears once: failed mine, then approvals, then what can be run, then the rest of mine. */
export function sortInbox(waiting: IssueSummary[], mine: IssueSummary[]): Inbox {
  const open = mine.filter((i) => i.status === "open");
  const failed = open.filter((i) => FAILED.has(i.result));
  const told = new Set(failed.map((i) => i.id));
  const rest = waiting.filter((i) => i.status === "open" && !told.has(i.id));
  const approve = rest.filter((i) => i.approvals_done < i.approvals_needed);
  const run = rest.filter((i) => i.approvals_done >= i.approvals_needed);
  for (const i of rest) told.add(i.id);
  return { failed, approve, run, mine: open.filter((i) => !told.has(i.id)) };
}

export const inboxCount = (inbox: Inbox) => inbox.failed.length + inbox.approve.length + inbox.run.length;
