/** Moving an environment: which positions have to be written so that the order is the new one. */
import type { EnvironmentOut } from "@/api/types";

export type Move = { slug: string; version: number; position: number };

/** The list after moving one entry up (-1) or down (1); the same list at an end. */
export function moved<T extends { slug: string }>(list: T[], slug: string, by: 1 | -1): T[] {
  const at = list.findIndex((e) => e.slug === slug);
  const to = at + by;
  if (at < 0 || to < 0 || to >= list.length) return list;
  const next = [...list];
  const [item] = next.splice(at, 1);
  if (item) next.splice(to, 0, item);
  return next;
}

/** The smallest set of writes: two entries swap positions, unless positions are equal, then all are numbered anew. */
export function positionsToWrite(before: EnvironmentOut[], after: EnvironmentOut[]): Move[] {
  const positions = before.map((e) => e.position).sort((a, b) => a - b);
  const distinct = new Set(positions).size === positions.length;
  return after.flatMap((e, at) => {
    const position = distinct ? (positions[at] ?? at) : at * 10;
    return e.position === position ? [] : [{ slug: e.slug, version: e.version, position }];
  });
}
