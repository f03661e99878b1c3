/** How a task really stands, where its status alone would say too much or too little. */
import type { Blocker, Failure, TaskOut, TaskSummary } from "@/api/types";

type Standing = Pick<TaskSummary, "status" | "failure">;

/** Nobody knows whether the change took effect: a person has to look, and say. */
export const isUnknown = (task: Standing) =>
  task.status === "failed" && task.failure?.kind === "outcome_unknown";

export type Seen = { blockers: Blocker[]; at: number };
const LINGERS_MS = 10_000;

/**
 * What to show as waited for. A task that waits for a lock gives up and tries again every few seconds; between two tries it waits
 * for nothing, and what was seen stays on the page for a moment, so that the page does not jump.
 */
export function steadyBlockers(
  task: Pick<TaskOut, "status" | "blockers">,
  seen: Seen | null,
  now: number,
): Seen | null {
  if (task.blockers.length) return { blockers: task.blockers, at: now };
  return task.status === "running" && seen && now - seen.at < LINGERS_MS ? seen : null;
}

/** The badge: an unknown outcome is not a failure, and is not shown as one. */
export const taskBadge = (task: Standing): { status: string; label?: string } =>
  isUnknown(task) ? { status: "unknown", label: "Outcome unknown" } : { status: task.status };

/** What canceling means right now, and what it does not promise. */
export function cancelingText(task: Pick<TaskOut, "status" | "attempts" | "instance">): string {
  return task.attempts > 0
    ? `${task.instance} was asked to stop; it has not answered yet. What this task shows next is what really happened: canceled, applied all the same, or failed.`
    : "It is being canceled before it began.";
}

export type Evidence = {
  /** What was there before, what was to be there, what is there now: whatever of it is known. */
  views: { name: string; text: string }[];
  diff: DiffLine[];
  /** Anything else that the engine knows, as it said it. */
  rest: [string, string][];
};
export type DiffLine = { text: string; kind: "add" | "del" | "head" | "same"; at: number };

const VIEWS = [
  ["before", "Before it ran"],
  ["expected", "What it was to leave"],
  ["now", "There now"],
] as const;

function kindOf(line: string, at: number): DiffLine["kind"] {
  // Only the first two lines name the sides: further down, "---" is a comment that went away.
  if ((at < 2 && /^(\+\+\+|---) /.test(line)) || line.startsWith("@@")) return "head";
  return line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "same";
}

/** What is known of a change of which nobody knows whether it took effect. */
export function evidence(failure: Pick<Failure, "data">): Evidence {
  const data: Record<string, unknown> = failure.data ?? {};
  const diff = Array.isArray(data.diff) ? data.diff.filter((l) => typeof l === "string") : [];
  const known = new Set<string>(["diff", ...VIEWS.map(([key]) => key)]);
  return {
    views: VIEWS.flatMap(([key, name]) => {
      const text = data[key];
      return typeof text === "string" && text ? [{ name, text }] : [];
    }),
    diff: diff.map((text, at) => ({ text, kind: kindOf(text, at), at })),
    rest: Object.entries(data)
      .filter(([key, value]) => !known.has(key) && value !== null)
      .map(([key, value]) => [
        key.replaceAll("_", " "),
        typeof value === "string" ? value : JSON.stringify(value, null, 2),
      ]),
  };
}

/** What follows from settling, so that nobody has to guess. */
export function settleText(
  outcome: "applied" | "not_applied",
  version: string | undefined,
  gone = false,
): string {
  const change = version ? `change ${version}` : "the change";
  if (gone)
    return outcome === "applied"
      ? `Penstock's records say that ${change} is applied. If the release has later changes, the task waits for the database to run them.`
      : `The task returns to waiting, and ${change} counts as not run. Without its database it can only be skipped or canceled then.`;
  return outcome === "applied"
    ? `Penstock writes ${change} into the database's ledger, as if it had seen it succeed. Later changes of the release, if there are any, run next.`
    : `The task returns to waiting and runs ${change} again once its gates are open. If part of it is there after all, remove that first.`;
}
