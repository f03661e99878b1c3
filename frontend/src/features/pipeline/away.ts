/** A database that does not answer while somebody wants to settle what became of a change in it. */
import { ApiError } from "@/api/errors";
import type { Failure } from "@/api/types";
import { absolute } from "@/shared/ui/time";

/** Since when it is known to be away, and from when on it may be taken for gone. */
type Away = { since: string; from: string };

const CODES = new Set(["target_unreachable", "3D000", "1049"]);

/** Whether the task's last failure is that its database was not there. */
export const lastAway = (failure: Pick<Failure, "code"> | null) =>
  failure !== null && CODES.has(failure.code);

/** What a refusal says of a database that is away; null for every other error, also where it only has no time for us. */
export function awayOf(error: unknown): Away | null {
  if (!(error instanceof ApiError)) return null;
  const { away_since: since, settle_from: from } = error.problem;
  return typeof since === "string" && typeof from === "string" ? { since, from } : null;
}

/** The same refusal in the dialog's words, which the server's, of the request's fields, are not. */
export function inWords(error: unknown, gone: boolean, now = Date.now()): unknown {
  const away = awayOf(error);
  if (!away || !(error instanceof ApiError)) return error;
  const early = error.code === "target_may_return" || Date.parse(away.from) > now;
  const detail = [
    gone
      ? "The database cannot be reached."
      : "The database cannot be reached, so nothing can be written into it.",
    early
      ? `It is known to be away only since ${absolute(away.since)}, and may come back. From ${absolute(away.from)} on it may be taken for gone.`
      : `It is known to be away since ${absolute(away.since)}. If it will not come back, say so above.`,
    "Nothing was settled.",
  ].join(" ");
  return new ApiError({ ...error.problem, detail });
}
