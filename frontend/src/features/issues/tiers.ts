/** An approval tier in words: who must approve, in which order. */
import type { Filler, TierOut, TierStep } from "@/api/types";

const ROLE: Record<string, string> = {
  "project:owner": "project owner",
  "project:releaser": "releaser",
  "project:developer": "developer",
  "workspace:dba": "DBA",
  "workspace:admin": "administrator",
};

export const fillerText = (f: Filler): string => {
  if (f.group) return `group ${f.group}`;
  return f.user ?? (f.role ? (ROLE[f.role] ?? f.role) : "anybody");
};

/** `project owner or DBA`, `2 × DBA`. */
export function stepText(step: TierStep): string {
  const who = step.any_of.map(fillerText).join(" or ");
  return (step.count ?? 1) > 1 ? `${step.count} × ${who}` : who;
}

/** The whole tier on one line. */
export function tierText(tier: Pick<TierOut, "steps" | "rollout"> & Partial<TierOut>): string {
  const steps = tier.steps.length
    ? `Approval by ${tier.steps.map(stepText).join(", then ")}`
    : "No approval needed";
  const also = [
    tier.requires_lower_environments ? "lower environments first" : "",
    tier.soak ? `${tier.soak} min. after the one before` : "",
    tier.windows?.length ? "only in its maintenance windows" : "",
    tier.escalations?.length ? "more approvals for some changes" : "",
  ].filter(Boolean);
  const run = tier.rollout === "manual" ? "somebody runs it by hand" : "runs by itself when its turn comes";
  return `${[steps, ...also, run].join("; ")}.`;
}
