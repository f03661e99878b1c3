/** Stages as a graph: in which column of the rail each one stands. */
import type { StageOut } from "@/api/types";

type Node = Pick<StageOut, "name" | "position" | "phase" | "needs">;

const byPosition = (a: Node, b: Node) => a.position - b.position;

/** Columns from left to right: a stage stands one further than the last of those it waits for. */
export function stageColumns<S extends Node>(stages: S[]): S[][] {
  const columns: S[][] = [];
  const depth = new Map<string, number>();
  for (const phase of [...new Set(stages.map((s) => s.phase))].sort((a, b) => a - b)) {
    const first = columns.length;
    let left = stages.filter((s) => s.phase === phase).sort(byPosition);
    const open = new Set(left.map((s) => s.name));
    while (left.length) {
      const free = left.filter((s) => !s.needs.some((n) => open.has(n)));
      // The server refuses circles; should one arrive all the same, it stands in one column rather than nowhere.
      for (const stage of free.length ? free : left) {
        const at = Math.max(first, ...stage.needs.map((n) => (depth.get(n) ?? -1) + 1));
        depth.set(stage.name, at);
        columns[at] = [...(columns[at] ?? []), stage];
      }
      for (const stage of left) if (depth.has(stage.name)) open.delete(stage.name);
      left = left.filter((s) => open.has(s.name));
    }
  }
  return columns.map((column) => column.sort(byPosition));
}

/** One stage after the other, each needing the one before: the arrow between them says everything. */
export function isChain(columns: Node[][]): boolean {
  return columns.every(
    ([stage, ...others], at) =>
      others.length === 0 && (at === 0 || stage?.needs.includes(columns[at - 1]?.[0]?.name ?? "") === true),
  );
}
