/** What the reader has looked at: an approval names exactly this, never what came in since. */
import type { IssueOut } from "@/api/types";

export type Seen = {
  issue: number;
  revision: number;
  release: number | null;
  digests: Record<string, string>;
};

export const look = (issue: Pick<IssueOut, "id" | "revision" | "release" | "pipeline">): Seen => ({
  issue: issue.id,
  revision: issue.revision,
  release: issue.release,
  digests: Object.fromEntries(issue.pipeline.stages.map((s) => [s.name, s.digest])),
});

export type Change = { sql: boolean; stages: string[] };

/** What is different from what was seen, or null. */
export function changedSince(seen: Seen, now: Seen): Change | null {
  const names = new Set([...Object.keys(seen.digests), ...Object.keys(now.digests)]);
  const stages = [...names].filter((n) => seen.digests[n] !== now.digests[n]);
  return stages.length ? { sql: seen.release !== now.release, stages } : null;
}

/** The digests to send for these stages: those that were seen. */
export const seenDigests = (seen: Seen, stages: string[]): Record<string, string> =>
  Object.fromEntries(stages.flatMap((s) => (seen.digests[s] ? [[s, seen.digests[s]]] : [])));
