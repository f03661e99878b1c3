/** The one thing that this caller should do next on an issue, decided from what the server allows. */
import type { IssueOut, StageOut } from "@/api/types";

export type IssueAction =
  | { kind: "review"; stages: string[] }
  | { kind: "advance"; stage: string; environment: string; count: number }
  | { kind: "retry"; stage: string; environment: string; count: number }
  | { kind: "resume" }
  | { kind: "cancel" }
  | { kind: "reopen" }
  | { kind: "none" };

export const inOrder = (stages: StageOut[]) => [...stages].sort((a, b) => a.position - b.position);

/** Tasks that running the stage would start. */
export const startable = (stage: StageOut) => stage.counts.waiting + stage.counts.ready;

/** Stages that the caller may approve now. */
export const reviewable = (stages: StageOut[]) =>
  inOrder(stages).filter((s) => s.actions.includes("approve"));

/**
 * One primary action per state: the earliest stage in rollout order that offers something to the caller wins, because what
 * comes later cannot happen before it. Within a stage: review, then run, then retry.
 */
export function issueAction(issue: Pick<IssueOut, "status" | "actions" | "pipeline">): IssueAction {
  const { pipeline } = issue;
  if (issue.status === "canceled")
    return issue.actions.includes("reopen") ? { kind: "reopen" } : { kind: "none" };
  if (issue.status === "done") return { kind: "none" };
  if (pipeline.held && issue.actions.includes("resume")) return { kind: "resume" };
  for (const stage of inOrder(pipeline.stages)) {
    const of = { stage: stage.name, environment: stage.environment_name };
    if (stage.actions.includes("approve"))
      return { kind: "review", stages: reviewable(pipeline.stages).map((s) => s.name) };
    if (stage.actions.includes("advance")) return { kind: "advance", ...of, count: startable(stage) };
    if (stage.actions.includes("retry_failed")) return { kind: "retry", ...of, count: stage.counts.failed };
  }
  if (["running", "canceling"].includes(pipeline.result) && issue.actions.includes("cancel"))
    return { kind: "cancel" };
  return { kind: "none" };
}
