/** What a drift consists of, in words. */
import type { DriftOut, SchemaChange } from "@/api/types";

const LONGEST = 120;

/** How many changes of each kind, without those that there are none of. */
export function countsText(changes: DriftOut["changes"]): string {
  if (!changes) return "Being counted";
  const parts = (["added", "removed", "changed"] as const)
    .filter((kind) => changes[kind] > 0)
    .map((kind) => `${changes[kind].toLocaleString()} ${kind}`);
  return parts.join(", ") || "Nothing that has a name";
}

/** What was changed: `column public.orders.total`. */
export function objectText(change: SchemaChange): string {
  return [change.type.replaceAll("_", " "), change.path.join(".")].filter(Boolean).join(" ");
}

/** What of an object is another than before, one line each; nothing for objects that came or went. */
export function detailLines(change: SchemaChange): string[] {
  if (change.kind !== "changed") return [];
  const before = change.before ?? {};
  const after = change.after ?? {};
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => `${key.replaceAll("_", " ")}: ${value(before[key])} → ${value(after[key])}`);
}

function value(raw: unknown): string {
  if (raw === null || raw === undefined) return "none";
  const text = typeof raw === "string" ? raw : JSON.stringify(raw);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** The badge of a drift: "open" says too little where issues are open, too. */
export const driftBadge = (status: DriftOut["status"]) => (status === "open" ? "drifted" : status);

/** How a drift ended, or that it has not. */
export function endText(drift: Pick<DriftOut, "status" | "ended_because">): string | null {
  if (drift.status === "accepted") return "Accepted";
  switch (drift.ended_because) {
    case "gone":
      return "As expected again";
    case "vanished":
      return "The database is gone from the server";
    case "left":
      return "The database left its project";
    default:
      return null;
  }
}

/** A time as an input of type datetime-local gives it, in the reader's own time zone, for the server; null where there is none. */
export function untilIso(local: string): string | null {
  const at = new Date(local);
  return local === "" || Number.isNaN(at.getTime()) ? null : at.toISOString();
}
