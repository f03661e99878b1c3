/** A small installation to test against: environments, people, one project with databases in three environments. */
import { Api, type Json, until } from "./api";

export const PASSWORD = "correct-horse-battery";
export const ADMIN = "admin@example.com";
export const AUTHOR = "ana@example.com";
export const OWNER = "bo@example.com";
export const DATABASES = ["shop_dev", "shop_staging_eu", "shop_staging_us", "shop_prod_eu", "shop_prod_us"];

type Paged<T> = { items: T[] };

async function ensure(api: Api, path: string, body: Json, key = "slug"): Promise<void> {
  const { items } = await api.get<Paged<Json>>(`${path}?page_size=200`);
  if (!items.some((i) => i[key] === body[key])) await api.post(path, body);
}

/** Fills an empty installation through the API, as an administrator would. Answers the ids of the databases by name. */
export async function seed(url: string, target: string): Promise<Record<string, number>> {
  const admin = await Api.signIn(url, ADMIN, PASSWORD);
  await ensure(admin, "/environments", { slug: "dev", name: "Development", tier: "open", position: 0 });
  await ensure(admin, "/environments", { slug: "staging", name: "Staging", tier: "standard", position: 10 });
  await ensure(admin, "/environments", { slug: "prod", name: "Production", tier: "critical", position: 20 });
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
  const at = new URL(target);
  for (const environment of ["dev", "staging", "prod"])
    await ensure(admin, "/instances", {
      slug: `pg-${environment}`,
      name: `Shop ${environment}`,
      engine: "postgres",
      environment,
      host: at.hostname,
      port: Number(at.port),
      username: decodeURIComponent(at.username),
      password: decodeURIComponent(at.password),
      tls: "prefer",
    });
  for (const environment of ["dev", "staging", "prod"]) await admin.post(`/instances/pg-${environment}/sync`);
  const ids: Record<string, number> = {};
  for (const name of DATABASES) {
    const environment = name.split("_")[1] ?? "";
    const find = () =>
      admin.get<Paged<{ id: number; name: string; synced_at: string | null }>>(
        `/databases?instance=pg-${environment}&page_size=200`,
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
