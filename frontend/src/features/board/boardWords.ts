/** The board's sentences: what a column may promote, and how a database stands. */
import type { BoardDatabase, BoardNext, NewPromotion, PromotionPreview } from "@/api/types";

export const many = (n: number, one: string) => `${n.toLocaleString()} ${one}${n === 1 ? "" : "s"}`;

/** What of a release still has to go on, for its button and its line. */
export const ahead = (next: BoardNext, target: string) =>
  `${many(next.changes, "change")} · missing on ${many(next.missing, "database")} in ${target}`;

/** How a database stands against the environment below it. */
export function standing(database: Pick<BoardDatabase, "current" | "behind">): string {
  if (database.behind > 0) return `${database.behind} behind`;
  return database.current === null ? "Nothing applied yet" : "Up to date";
}

/** Which changes run where: all, some, or none any more. */
export function pending(preview: Pick<PromotionPreview, "databases" | "changes">): string {
  const open = preview.databases.filter((d) => d.pending > 0).length;
  const changes = preview.changes.filter((c) => c.pending > 0).length;
  if (open === 0) return "Every database has all of it already: nothing would run.";
  return `${many(changes, "change")} would run on ${many(open, "database")}.`;
}

/** Databases that a promotion is for: all of the environment, also those that come to it meanwhile, or the chosen ones. */
export function targetsOf(
  target: string,
  databases: Pick<PromotionPreview["databases"][number], "id">[],
  left: ReadonlySet<number>,
): NonNullable<NewPromotion["targets"]> {
  if (left.size === 0) return { environment: target };
  return { databases: databases.filter((d) => !left.has(d.id)).map((d) => d.id) };
}

/** Why a promotion would be refused, in one line for the button that was pressed all the same. */
export const refused = (preview: PromotionPreview | undefined): string | undefined =>
  preview === undefined
    ? "Wait until it is known what would run."
    : preview.refusals.map((r) => r.message).join(" ") || undefined;
