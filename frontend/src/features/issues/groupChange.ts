/** What became of the database group of an issue since its databases were chosen. */
import type { GroupTargets } from "@/api/types";

const databases = (n: number) => (n === 1 ? "1 database" : `${n} databases`);

/** `2 databases joined since, 1 left`, or null when it is as it was. */
export function groupChange({ joined, left }: Pick<GroupTargets, "joined" | "left">): string | null {
  if (joined && left) return `${databases(joined)} joined since, ${left} left`;
  if (joined) return `${databases(joined)} joined since`;
  return left ? `${databases(left)} left since` : null;
}
