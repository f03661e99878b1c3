/** Finding things in a log: text matches, failures, and where a stored line number is. */
import type { LogLine } from "@/api/types";

export function findMatches(lines: LogLine[], text: string): number[] {
  const needle = text.trim().toLowerCase();
  if (!needle) return [];
  const hits: number[] = [];
  lines.forEach((line, at) => {
    if (line.text.toLowerCase().includes(needle)) hits.push(at);
  });
  return hits;
}

export function findFailures(lines: LogLine[]): number[] {
  const hits: number[] = [];
  lines.forEach((line, at) => {
    if (line.level === "error") hits.push(at);
  });
  return hits;
}

/** The next of sorted positions after (or before) `from`; the end wraps to the start. */
export function jump(positions: number[], from: number, step: 1 | -1): number | undefined {
  if (step === 1) return positions.find((p) => p > from) ?? positions[0];
  return positions.findLast((p) => p < from) ?? positions.at(-1);
}

/** Index of the line with this stored sequence id, or of the next later one. Lines are sorted by it. */
export function indexOfSeq(lines: LogLine[], seq: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((lines[mid]?.seq ?? 0) < seq) low = mid + 1;
    else high = mid;
  }
  return low < lines.length ? low : -1;
}

/** Splits a text at the matches, so that they can be marked. */
export function splitMatches(text: string, needle: string): { text: string; hit: boolean; at: number }[] {
  const what = needle.trim().toLowerCase();
  if (!what) return [{ text, hit: false, at: 0 }];
  const parts: { text: string; hit: boolean; at: number }[] = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(what); at >= 0; at = lower.indexOf(what, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), hit: false, at: from });
    parts.push({ text: text.slice(at, at + what.length), hit: true, at });
    from = at + what.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), hit: false, at: from });
  return parts;
}

/** The log as a file: time, level, text. */
export const logText = (lines: LogLine[]) =>
  lines.map((l) => `${l.at} ${l.level.toUpperCase().padEnd(7)} ${l.text}\n`).join("");
