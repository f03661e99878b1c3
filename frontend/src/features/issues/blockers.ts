/** Why a pipeline waits: the closed gates of its stages, the nearest first, said once each. */
import type { Blocker, PipelineOut, StageOut } from "@/api/types";

export type StageBlockers = { stage: string; environment: string; blockers: Blocker[] };

const OVER = new Set(["succeeded", "skipped"]);

/** Gates in the order in which people can do something about them. */
const ORDER = [
  "unknown-outcome",
  "hold",
  "freeze",
  "failure-budget",
  "approval",
  "advance",
  "review",
  "status-check",
  "lower-environments",
  "order",
];
const rank = (gate: string) => {
  const at = ORDER.indexOf(gate);
  return at < 0 ? ORDER.length - 1.5 : at;
};

export function sortBlockers(blockers: Blocker[]): Blocker[] {
  const seen = new Map(blockers.map((b) => [`${b.gate}/${b.code}/${b.message}`, b]));
  return [...seen.values()].sort((a, b) => rank(a.gate) - rank(b.gate));
}

/** Every unfinished stage that is held back, in rollout order. */
export function pipelineBlockers(pipeline: Pick<PipelineOut, "stages" | "status">): StageBlockers[] {
  if (pipeline.status !== "open") return [];
  return [...pipeline.stages]
    .sort((a, b) => a.position - b.position)
    .filter((s) => !OVER.has(s.status) && s.blockers.length > 0)
    .map((s) => ({ stage: s.name, environment: s.environment_name, blockers: sortBlockers(s.blockers) }));
}

/** The one blocker that explains a stage on its card; order comes last because waiting for your turn explains least. */
export function mainBlocker(stage: Pick<StageOut, "blockers">): Blocker | undefined {
  return sortBlockers(stage.blockers)[0];
}

const SHORT: Record<string, string> = {
  "approval/changes_requested": "Changes requested",
  "approval/required": "Needs approval",
  approval: "Needs approval",
  advance: "Ready to run",
  order: "Waits for its turn",
  review: "Findings to fix",
  hold: "On hold",
  freeze: "Frozen",
  limit: "Limit reached",
  "failure-budget": "Too many failures",
  "unknown-outcome": "Outcome unknown",
  window: "Outside its window",
  soak: "Soaking",
  "status-check": "Checks not green",
  "lower-environments": "Lower environment first",
  "target-unreachable": "Target unreachable",
};

/** Two or three words for a stage card. */
export function shortBlocker(blocker: Blocker): string {
  return SHORT[`${blocker.gate}/${blocker.code}`] ?? SHORT[blocker.gate] ?? blocker.message;
}

/** Only the advance gate is left: everything else allows this stage to run now. */
export function onlyAdvanceLeft(stage: Pick<StageOut, "blockers">): boolean {
  return stage.blockers.length > 0 && stage.blockers.every((b) => b.gate === "advance");
}
