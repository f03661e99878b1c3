/** An approval tier in words: who must approve, in which order. */
import type { Filler, TierOut, TierStep } from "@/api/types";

const ROLE: Record<string, string> = {
  "project:owner": "project owner",
  "project:releaser": "releaser",
  "project:developer": "developer",
  "workspace:dba": "DBA",
  "workspace:admin": "administrator",
};

export const fillerText = (f: Filler): string => f.user ?? (f.role ? (ROLE[f.role] ?? f.role) : "anybody");

/** `project owner or DBA`, `2 × DBA`. */
export function stepText(step: TierStep): string {
  const who = step.any_of.map(fillerText).join(" or ");
  return (step.count ?? 1) > 1 ? `${step.count} × ${who}` : who;
}

/** The whole tier on one line. */
export function tierText(tier: Pick<TierOut, "steps" | "rollout">): string {
  const steps = tier.steps.length
    ? `Approval by ${tier.steps.map(stepText).join(", then ")}`
    : "No approval needed";
  const run = tier.rollout === "manual" ? "somebody runs it by hand" : "runs by itself when its turn comes";
  return `${steps}; ${run}.`;
}
