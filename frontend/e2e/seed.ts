/** A small installation to test against: environments, people, one project with databases in three environments. */
import { Api, type Json, until } from "./api";

export const PASSWORD = "correct-horse-battery";
export const ADMIN = "admin@example.com";
export const AUTHOR = "ana@example.com";
export const OWNER = "bo@example.com";
export type Servers = { postgres: string; mariadb: string };
type Seeded = { server: keyof Servers; environment: string; name: string };
const seeded = (server: keyof Servers, environment: string, name: string): Seeded => ({
  server,
  environment,
  name,
});
export const DATABASES: Seeded[] = [
  seeded("postgres", "dev", "shop_dev"),
  seeded("postgres", "staging", "shop_staging_eu"),
  seeded("postgres", "staging", "shop_staging_us"),
  seeded("postgres", "prod", "shop_prod_eu"),
  seeded("postgres", "prod", "shop_prod_us"),
  seeded("mariadb", "dev", "stock_dev"),
];
const SLUG = { postgres: "pg", mariadb: "maria" };
export const instanceOf = (d: Seeded) => `${SLUG[d.server]}-${d.environment}`;

type Paged<T> = { items: T[] };

async function ensure(api: Api, path: string, body: Json, key = "slug"): Promise<void> {
  const { items } = await api.get<Paged<Json>>(`${path}?page_size=200`);
  if (!items.some((i) => i[key] === body[key])) await api.post(path, body);
}

/** Fills an empty installation through the API, as an administrator would. Answers the ids of the databases by name. */
export async function seed(url: string, servers: Servers): Promise<Record<string, number>> {
  const admin = await Api.signIn(url, ADMIN, PASSWORD);
  // The steps of `standard` and `critical`, without the lower environments first: most tests look at one stage alone.
  const owner = { role: "project:owner" };
  const dba = { role: "workspace:dba" };
  const oneYes = [{ any_of: [owner, dba] }];
  const twoYeses = [{ any_of: [owner] }, { any_of: [dba] }];
  await ensure(admin, "/approval-tiers", { slug: "one-yes", name: "One yes", steps: oneYes });
  await ensure(admin, "/approval-tiers", { slug: "two-yeses", name: "Two yeses", steps: twoYeses });
  await ensure(admin, "/environments", { slug: "dev", name: "Development", tier: "open", position: 0 });
  await ensure(admin, "/environments", { slug: "staging", name: "Staging", tier: "one-yes", position: 10 });
  await ensure(admin, "/environments", { slug: "prod", name: "Production", tier: "two-yeses", position: 20 });
  for (const [email, name, role] of [
    [AUTHOR, "Ana", "member"],
    [OWNER, "Bo", "member"],
    ["dora@example.com", "Dora", "dba"],
  ])
    await ensure(admin, "/users", { email, name, password: PASSWORD, workspace_role: role }, "email");
  await ensure(admin, "/projects", { slug: "shop", name: "Shop", description: "Orders and customers" });
  await admin.send("PUT", "/projects/shop/members", [
    { principal: `user:${AUTHOR}`, role: "releaser" },
    { principal: `user:${OWNER}`, role: "owner" },
  ]);
  const instances = [...new Map(DATABASES.map((d) => [instanceOf(d), d])).entries()];
  for (const [slug, { server, environment }] of instances) {
    const at = new URL(servers[server]);
    await ensure(admin, "/instances", {
      slug,
      name: `${server === "postgres" ? "Shop" : "Stock"} ${environment}`,
      engine: server,
      environment,
      host: at.hostname,
      port: Number(at.port),
      username: decodeURIComponent(at.username),
      password: decodeURIComponent(at.password) || null,
      tls: "prefer",
    });
  }
  for (const [slug] of instances) await admin.post(`/instances/${slug}/sync`);
  const ids: Record<string, number> = {};
  for (const wanted of DATABASES) {
    const { name } = wanted;
    const find = () =>
      admin.get<Paged<{ id: number; name: string; synced_at: string | null }>>(
        `/databases?instance=${instanceOf(wanted)}&page_size=200`,
      );
    const { items } = await until(find, (page) =>
      page.items.some((d) => d.name === name && d.synced_at !== null),
    );
    const database = items.find((d) => d.name === name);
    if (!database) throw new Error(`No database ${name}.`);
    ids[name] = database.id;
    await admin.send("PATCH", `/databases/${database.id}`, {
      project: "shop",
      labels: { region: name.endsWith("us") ? "us" : "eu" },
    });
  }
  return ids;
}
