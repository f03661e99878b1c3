/** What is frozen, in words, and the place that a freeze is of. */
import type { FreezePlace } from "@/api/endpoints";
import type { Frozen } from "@/api/types";

export const isStop = (f: Pick<Frozen, "environment" | "project">) => !f.environment && !f.project;

export const placeOf = (f: Pick<Frozen, "environment" | "project">): FreezePlace =>
  f.environment ? { environment: f.environment } : f.project ? { project: f.project } : "workspace";

/** Freezes that have not ended by themselves since they were read. */
export const inForce = <F extends Pick<Frozen, "until">>(freezes: F[], now = Date.now()): F[] =>
  freezes.filter((f) => f.until === null || Date.parse(f.until) > now);

/** The value of a `datetime-local` input as an instant; empty is "until somebody ends it". */
export function untilOf(local: string, now = Date.now()): { until: string | null; problem?: string } {
  if (!local) return { until: null };
  const at = Date.parse(local);
  if (Number.isNaN(at)) return { until: null, problem: "This is not a time." };
  if (at <= now) return { until: null, problem: "This time has passed." };
  return { until: new Date(at).toISOString() };
}
