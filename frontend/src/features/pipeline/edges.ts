/** What waits for what, for the drawing of a graph, for its words and for its keys. */
import type { StageOut } from "@/api/types";

/** `weak`: only waits for the other to end, whatever comes of it. */
export type Edge = { from: string; to: string; weak: boolean };
type Node = Pick<StageOut, "name" | "position" | "phase" | "needs">;

/**
 * What each stage waits for directly: the stages it needs, and the last ones of the nearest lower phase. What is waited for by
 * way of another stage is not repeated.
 */
export function stageEdges(stages: Node[]): Edge[] {
  const names = new Set(stages.map((s) => s.name));
  const phases = [...new Set(stages.map((s) => s.phase))].sort((a, b) => a - b);
  return stages.flatMap((stage) => {
    const strong = stage.needs.filter((n) => names.has(n) && n !== stage.name);
    const below = phases.findLast((p) => p < stage.phase);
    const needed = new Set(stages.filter((s) => s.phase === below).flatMap((s) => s.needs));
    const weak = stages.filter((s) => s.phase === below && !needed.has(s.name) && !strong.includes(s.name));
    return [
      ...strong.map((from) => ({ from, to: stage.name, weak: false })),
      ...weak.map((s) => ({ from: s.name, to: stage.name, weak: true })),
    ];
  });
}

const STEPS: Record<string, [column: number, row: number]> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

/** The stage that an arrow key leads to: along the columns at about the same height, or up and down in one of them. */
export function neighbor<S extends { name: string }>(
  columns: S[][],
  name: string,
  key: string,
): S | undefined {
  const [along, down] = STEPS[key] ?? [0, 0];
  const at = columns.findIndex((c) => c.some((s) => s.name === name));
  const column = columns[at + along];
  if (at < 0 || !column || (along === 0 && down === 0)) return undefined;
  const row = columns[at]?.findIndex((s) => s.name === name) ?? 0;
  return along === 0 ? column[row + down] : column[Math.min(row, column.length - 1)];
}

/** `After dev, staging`; `When phase 0 has ended`; `At once`. */
export function afterText(stage: Node, stages: Node[]): string {
  const parts: string[] = [];
  if (stage.needs.length) parts.push(`After ${stage.needs.join(", ")}`);
  const below = Math.max(...stages.filter((s) => s.phase < stage.phase).map((s) => s.phase));
  if (Number.isFinite(below)) parts.push(`${parts.length ? "when" : "When"} phase ${below} has ended`);
  return parts.join(", ") || "At once";
}
