/** Live lists do not jump: rows that appeared above what the reader sees wait until they are asked for. */

/** Ids that came in above the first known one. */
export function arrivals(known: number[], fresh: number[]): number[] {
  const first = fresh.findIndex((id) => known.includes(id));
  return first > 0 ? fresh.slice(0, first) : [];
}

/** The known ids after a refetch or the next page: those below the first known row join silently. */
export function settle(known: number[], fresh: number[]): number[] {
  const waiting = new Set(arrivals(known, fresh));
  return fresh.filter((id) => !waiting.has(id));
}
