import type { InstanceOut } from "@/api/types";
import {
  blank,
  connectionProblems,
  fromInstance,
  needsPassword,
  slugify,
  switchEngine,
  toNew,
  toPatch,
} from "./connection";

const instance: InstanceOut = {
  slug: "pg-prod",
  name: "Shop",
  engine: "postgres",
  support: "supported",
  environment: "prod",
  host: "db.example",
  port: 5432,
  username: "penstock",
  has_password: true,
  dsn_env: null,
  tls: "prefer",
  options: { max_running_tasks: 4, maintenance_database: "postgres" },
  server_version: "16.4",
  databases: 3,
  last_synced_at: null,
  last_sync_error: null,
  sync_pipeline: null,
  version: 1,
};

test.each([
  ["Shop Production", "shop-production"],
  ["  --Ärger 7! ", "rger-7"],
  ["", ""],
])("%j becomes the slug %j", (text, slug) => {
  expect(slugify(text)).toBe(slug);
});

test.each([
  ["mariadb", 5432, { engine: "mariadb", port: 3306 }],
  ["mysql", "5432", { engine: "mysql", port: 3306 }],
  ["mariadb", 6432, { engine: "mariadb" }],
] as const)("switching to %s with port %s", (engine, port, changed) => {
  expect(switchEngine({ ...blank(), port }, engine)).toEqual(changed);
});

test("what is missing", () => {
  expect(Object.keys(connectionProblems({ ...blank(), port: 0, limit: 65 })).sort()).toEqual([
    "environment",
    "host",
    "limit",
    "port",
    "slug",
    "username",
  ]);
  expect(connectionProblems(fromInstance(instance))).toEqual({});
});

test("an edit sends only what changed", () => {
  const form = fromInstance(instance);
  expect(toPatch(instance, form)).toEqual({});
  expect(toPatch(instance, { ...form, host: "new.example", password: "secret" })).toEqual({
    host: "new.example",
    password: "secret",
  });
  expect(toPatch(instance, { ...form, limit: 8 })).toEqual({
    options: { max_running_tasks: 8, maintenance_database: "postgres" },
  });
});

test("a new address needs the password again", () => {
  expect(needsPassword(instance, { host: "x" })).toBe(true);
  expect(needsPassword(instance, { host: "x", password: "p" })).toBe(false);
  expect(needsPassword(instance, { name: "x" })).toBe(false);
  expect(needsPassword({ ...instance, has_password: false }, { host: "x" })).toBe(false);
});

test("a new connection leaves empty fields out", () => {
  const sent = toNew({ ...blank("dev"), slug: "a", host: " h ", engine: "mysql", port: "3306" });
  expect(sent).toMatchObject({ name: null, username: null, password: null, host: "h", port: 3306 });
  expect(sent.options).toEqual({ max_running_tasks: 4, maintenance_database: "postgres" });
});
