/** What filing a change would create: the stages in environment order and who must approve each. */
import type { DatabaseOut, EnvironmentOut, TierOut } from "@/api/types";

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

/** The databases to choose from, by environment; a search keeps what matches by name, instance or label. */
export function groupDatabases(
  all: DatabaseOut[],
  environments: EnvironmentOut[],
  search: string,
): EnvironmentGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const hit = (d: DatabaseOut) => {
    const hay = `${d.instance}/${d.name} ${Object.entries(d.labels).flat().join(" ")}`.toLowerCase();
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
