import { database, environment } from "@/test/samples";
import { enginesOf, groupDatabases, previewStages } from "./preview";
import { stepText, tierText } from "./tiers";

const environments = [environment("prod", 2, "critical"), environment("dev", 0)];
const all = [
  database(1, "dev"),
  database(2, "prod", { labels: { region: "eu" } }),
  database(3, "prod"),
  database(4, "prod", { vanished_at: "2026-01-01T00:00:00Z" }),
];
const critical = {
  slug: "critical",
  name: "Critical",
  steps: [
    { any_of: [{ role: "project:owner" }], count: 1 },
    { any_of: [{ role: "workspace:dba" }, { user: "bo@x" }], count: 2 },
  ],
  self_approval: false,
  rollout: "manual" as const,
  blocking_severity: "error" as const,
  requires_lower_environments: true,
  soak: 30,
  windows: [],
  escalations: [],
  next_windows: [],
  environments: ["prod"],
  version: 1,
};

test("stages come in environment order with their tier", () => {
  const stages = previewStages(all.slice(0, 3), environments, [critical]);
  expect(stages.map((s) => [s.environment.slug, s.tier?.slug, s.databases.length])).toEqual([
    ["dev", undefined, 1],
    ["prod", "critical", 2],
  ]);
});

test("a search finds by instance, name and label, and never offers what vanished", () => {
  expect(groupDatabases(all, environments, "").map((g) => g.databases.map((d) => d.id))).toEqual([
    [1],
    [2, 3],
  ]);
  expect(groupDatabases(all, environments, "region eu").flatMap((g) => g.databases.map((d) => d.id))).toEqual(
    [2],
  );
  expect(
    groupDatabases(all, environments, "pg-dev/shop_1").flatMap((g) => g.databases.map((d) => d.id)),
  ).toEqual([1]);
});

test("a tier in words", () => {
  expect(stepText({ any_of: [{ role: "project:owner" }, { role: "workspace:dba" }], count: 1 })).toBe(
    "project owner or DBA",
  );
  expect(tierText(critical)).toBe(
    "Approval by project owner, then 2 × DBA or bo@x; lower environments first; 30 min. after the one before; somebody runs it by hand.",
  );
  expect(tierText({ steps: [], rollout: "auto" })).toBe(
    "No approval needed; runs by itself when its turn comes.",
  );
});

test("the engines that the SQL has to be right for, each once", () => {
  const maria = database(5, "dev", { engine: "mariadb" });
  expect(enginesOf([maria, ...all, maria])).toEqual(["postgres", "mariadb"]);
  expect(enginesOf([])).toEqual([]);
  expect(groupDatabases([...all, maria], environments, "mariadb").map((g) => g.databases)).toEqual([[maria]]);
});
