/** What filing a change would create: the stages in environment order and who must approve each. */
import type { DatabaseOut, Engine, EnvironmentOut, TierOut } from "@/api/types";
import { ENGINES } from "@/features/instances/engines";

export type StagePreview = {
  environment: EnvironmentOut;
  tier: TierOut | undefined;
  databases: DatabaseOut[];
};

export function previewStages(
  chosen: DatabaseOut[],
  environments: EnvironmentOut[],
  tiers: TierOut[],
): StagePreview[] {
  return [...environments]
    .sort((a, b) => a.position - b.position)
    .map((environment) => ({
      environment,
      tier: tiers.find((t) => t.slug === environment.tier),
      databases: chosen.filter((d) => d.environment === environment.slug),
    }))
    .filter((s) => s.databases.length > 0);
}

export type EnvironmentGroup = { environment: EnvironmentOut; databases: DatabaseOut[] };

/** The databases to choose from, by environment; a search keeps what matches by name, instance, engine or label. */
export function groupDatabases(
  all: DatabaseOut[],
  environments: EnvironmentOut[],
  search: string,
): EnvironmentGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const hit = (d: DatabaseOut) => {
    const labels = Object.entries(d.labels).flat().join(" ");
    const hay = `${d.instance}/${d.name} ${ENGINES[d.engine]} ${labels}`.toLowerCase();
    return words.every((w) => hay.includes(w));
  };
  return [...environments]
    .sort((a, b) => a.position - b.position)
    .map((environment) => ({
      environment,
      databases: all.filter((d) => d.environment === environment.slug && !d.vanished_at && hit(d)),
    }))
    .filter((g) => g.databases.length > 0);
}

/** The engines that the SQL has to be right for, PostgreSQL first. */
export const enginesOf = (databases: Pick<DatabaseOut, "engine">[]): Engine[] =>
  (Object.keys(ENGINES) as Engine[]).filter((engine) => databases.some((d) => d.engine === engine));
