/** A stage in numbers: how far it is, and what deserves a look first. */
import type { StageCounts, StageOut, TaskStatus } from "@/api/types";

const WORDS: [TaskStatus, string][] = [
  ["failed", "failed"],
  ["canceling", "canceling"],
  ["running", "running"],
  ["scheduled", "starting"],
  ["canceled", "canceled"],
  ["skipped", "skipped"],
];

export const ended = (c: StageCounts) => c.succeeded + c.failed + c.canceled + c.skipped;
export const active = (c: StageCounts) => c.scheduled + c.running + c.canceling;

/** `1 of 3 applied · 1 failed · 1 running`; failures come first after the total. */
export function stageSummary(counts: StageCounts, verb = "applied"): string {
  const parts = [`${counts.succeeded} of ${counts.total} ${verb}`];
  for (const [status, word] of WORDS) if (counts[status]) parts.push(`${counts[status]} ${word}`);
  return parts.join(" · ");
}

/** `Batch 2 of 3 (1, then 10%, then all) · at most 5 at once · stops after 3 failures`; empty where nothing is limited. */
export function fanOutText(
  stage: Pick<StageOut, "batch" | "batches" | "max_parallel" | "max_failures">,
): string {
  const parts: string[] = [];
  if (stage.batch) {
    const sizes = stage.batch.map((size) => (size === "100%" ? "all" : String(size))).join(", then ");
    const at = stage.batches ? `Batch ${stage.batches.current} of ${stage.batches.total}` : "In batches";
    parts.push(`${at} (${sizes})`);
  }
  if (stage.max_parallel !== null) parts.push(`at most ${stage.max_parallel} at once`);
  if (stage.max_failures !== null)
    parts.push(`stops after ${stage.max_failures} ${stage.max_failures === 1 ? "failure" : "failures"}`);
  const text = parts.join(" · ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export type Segment = { tone: "good" | "bad" | "run" | "neutral"; count: number };

/** Segments of the progress bar, left to right. */
export function stageBar(counts: StageCounts): Segment[] {
  const segments: Segment[] = [
    { tone: "good", count: counts.succeeded },
    { tone: "bad", count: counts.failed },
    { tone: "run", count: active(counts) },
    { tone: "neutral", count: counts.canceled + counts.skipped },
  ];
  return segments.filter((s) => s.count > 0);
}

/** Filters worth offering for these counts, each with its number; `all` always is. */
export function taskFilters(
  counts: StageCounts,
): { value: TaskStatus | "all"; label: string; count: number }[] {
  const offered: [TaskStatus, string][] = [
    ["failed", "Failed"],
    ["running", "Running"],
    ["canceling", "Canceling"],
    ["scheduled", "Scheduled"],
    ["waiting", "Waiting"],
    ["ready", "Ready"],
    ["canceled", "Canceled"],
    ["skipped", "Skipped"],
    ["succeeded", "Succeeded"],
  ];
  return [
    { value: "all", label: "All", count: counts.total },
    ...offered
      .filter(([s]) => counts[s] > 0)
      .map(([value, label]) => ({ value, label, count: counts[value] })),
  ];
}

/** The stage that the page opens on: what failed, else what runs, else the first unfinished, else the last. */
export function stageToShow<S extends { name: string; position: number; status: string }>(
  stages: S[],
): S | undefined {
  const sorted = [...stages].sort((a, b) => a.position - b.position);
  const first = (...statuses: string[]) => sorted.find((s) => statuses.includes(s.status));
  return (
    first("failed", "error") ??
    first("running", "canceling") ??
    sorted.find((s) => !["succeeded", "skipped"].includes(s.status)) ??
    sorted.at(-1)
  );
}
