/** The form of a connection: what it holds, what it still misses, what it sends. */
import type { Engine, InstanceOut, NewInstance, PatchInstance, Tls } from "@/api/types";
import { PORTS } from "./engines";

export type Connection = {
  slug: string;
  name: string;
  engine: Engine;
  environment: string;
  host: string;
  port: number | string;
  username: string;
  password: string;
  tls: Tls;
  maintenance: string;
  limit: number | string;
};

export const blank = (environment = ""): Connection => ({
  slug: "",
  name: "",
  engine: "postgres",
  environment,
  host: "",
  port: PORTS.postgres,
  username: "",
  password: "",
  tls: "prefer",
  maintenance: "postgres",
  limit: 4,
});

export const fromInstance = (i: InstanceOut): Connection => ({
  ...blank(i.environment),
  slug: i.slug,
  name: i.name,
  engine: i.engine,
  host: i.host,
  port: i.port,
  username: i.username ?? "",
  tls: i.tls,
  maintenance: i.options.maintenance_database ?? "postgres",
  limit: i.options.max_running_tasks ?? 4,
});

/** The other engine's default port, unless somebody typed one of their own. */
export const switchEngine = (c: Connection, engine: Engine): Partial<Connection> => ({
  engine,
  ...(Number(c.port) === PORTS[c.engine] ? { port: PORTS[engine] } : {}),
});

/** `Shop Production` → `shop-production`. */
export const slugify = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63);

export function connectionProblems(c: Connection): Partial<Record<keyof Connection, string>> {
  const problems: Partial<Record<keyof Connection, string>> = {};
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(c.slug))
    problems.slug = "Small letters, digits and dashes, for example pg-prod.";
  if (!c.environment) problems.environment = "Choose the environment that this server belongs to.";
  if (!c.host.trim()) problems.host = "Where is the server?";
  const port = Number(c.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) problems.port = "1 to 65535.";
  if (!c.username) problems.username = "Which login does Penstock use?";
  const limit = Number(c.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 64) problems.limit = "1 to 64.";
  return problems;
}

const options = (c: Connection) => ({
  max_running_tasks: Number(c.limit),
  maintenance_database: c.maintenance.trim() || "postgres",
});

export const toNew = (c: Connection): NewInstance => ({
  slug: c.slug,
  name: c.name.trim() || null,
  engine: c.engine,
  environment: c.environment,
  host: c.host.trim(),
  port: Number(c.port),
  username: c.username || null,
  password: c.password || null,
  tls: c.tls,
  options: options(c),
});

/** Only what changed is sent; an empty password keeps the stored one. */
export function toPatch(before: InstanceOut, c: Connection): PatchInstance {
  const patch: PatchInstance = {};
  const old = fromInstance(before);
  if (c.name.trim() && c.name !== old.name) patch.name = c.name.trim();
  if (c.host.trim() !== old.host) patch.host = c.host.trim();
  if (Number(c.port) !== old.port) patch.port = Number(c.port);
  if (c.username !== old.username) patch.username = c.username;
  if (c.tls !== old.tls) patch.tls = c.tls;
  if (c.password) patch.password = c.password;
  if (Number(c.limit) !== old.limit || c.maintenance !== old.maintenance) patch.options = options(c);
  return patch;
}

/** The stored password is dropped with a new host, port or TLS mode: it has to be typed again. */
export const needsPassword = (before: InstanceOut, patch: PatchInstance) =>
  before.has_password &&
  !patch.password &&
  (patch.host !== undefined || patch.port !== undefined || patch.tls !== undefined);
