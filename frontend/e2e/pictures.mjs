// Takes the pictures under docs/pictures of a running demo: node e2e/pictures.mjs URL ADMIN_EMAIL ADMIN_PASSWORD [DATABASE_URL]
// PICTURES=board,promotion takes only these. With the URL of the demo's development database, somebody reads there meanwhile, so that a change can be seen to wait for them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [url, email, password, database_url] = process.argv.slice(2);
if (!password) throw new Error("usage: node e2e/pictures.mjs URL ADMIN_EMAIL ADMIN_PASSWORD");
const WIDTH = 1280;
const HEIGHT = 860;
const folder = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
await mkdir(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

const python = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const hold = fileURLToPath(new URL("hold.py", import.meta.url));
const reader = database_url && spawn(python, [hold, database_url, "SELECT * FROM orders"], { stdio: "pipe" });
if (reader) await once(reader.stdout, "data");
const known = {};

const only = process.env.PICTURES?.split(",");

/** A browser in which the administrator has signed in, and how it takes pictures. */
async function visit(scheme, before) {
  const context = await browser.newContext({
    baseURL: url,
    colorScheme: scheme,
    reducedMotion: "reduce",
    viewport: { width: WIDTH, height: HEIGHT },
  });
  const page = await context.newPage();
  let pending = 0;
  const counts = (request) => !request.url().includes("/events/stream");
  page.on("request", (request) => (pending += counts(request) ? 1 : 0));
  for (const end of ["requestfinished", "requestfailed"])
    page.on(end, (request) => (pending -= counts(request) ? 1 : 0));
  /** Nothing has been under way for a while: the page has what it shows. */
  const settled = async () => {
    for (let calm = 0; calm < 5; calm = pending > 0 ? 0 : calm + 1) await page.waitForTimeout(100);
  };
  const shoot = async (name, path, fullPage = false) => {
    if (path) await page.goto(path);
    if (only && !only.includes(name)) return;
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await settled();
    await page.evaluate(() => document.fonts.ready);
    // As tall as the page, rather than a picture beyond the window: editors measure only what is in view.
    const height = fullPage ? await page.evaluate(() => document.documentElement.scrollHeight) : HEIGHT;
    await page.setViewportSize({ width: WIDTH, height: Math.max(HEIGHT, height) });
    await settled();
    await page.screenshot({ path: `${folder}${name}-${scheme}.png` });
    await page.setViewportSize({ width: WIDTH, height: HEIGHT });
    process.stdout.write(`${name}-${scheme}.png\n`);
  };
  await page.goto("/login");
  await before?.(shoot);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();

  const get = (path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
  const send = (method, path, body) =>
    page.evaluate(
      async ([m, p, b]) => {
        const { csrf_token } = await (await fetch("/api/v1/auth/me")).json();
        const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf_token };
        const answer = await fetch(`/api/v1${p}`, { method: m, headers, body: JSON.stringify(b) });
        if (!answer.ok) throw new Error(`${m} ${p}: ${await answer.text()}`);
        return answer.status === 204 ? null : answer.json();
      },
      [method, path, body],
    );
  const post = (path, body) => send("POST", path, body);
  return { context, page, shoot, get, send, post };
}

for (const scheme of ["light", "dark"]) {
  const { context, page, shoot, get, post } = await visit(scheme, (take) => take("login", null));
  if (!known.issues) known.issues = (await get("/issues")).items;
  const waiting = known.issues.find((i) => i.status === "open" && i.result !== "failed");
  const failed = known.issues.find((i) => i.result === "failed");
  const done = known.issues.find((i) => i.status === "done");
  const at = async (environment) => {
    const found = (await get(`/databases?environment=${environment}`)).items.find((d) => d.project);
    return { instance: found.instance, database: found.name };
  };
  known.stages ??= await post("/issues", {
    project: waiting.project,
    title: "Daily figures, kept for a year",
    statement:
      "CREATE TABLE daily_figures (\n  day date PRIMARY KEY,\n  orders int NOT NULL,\n  total numeric(12, 2) NOT NULL\n);\nCREATE INDEX CONCURRENTLY daily_figures_total ON daily_figures (total);",
    pipeline: {
      stages: [
        { name: "structure", environment: "staging", tasks: [await at("staging")] },
        {
          name: "figures of last year",
          environment: "staging",
          needs: ["structure"],
          tasks: [
            { ...(await at("staging")), statement: "INSERT INTO daily_figures VALUES ('2025-01-01', 0, 0);" },
          ],
        },
        {
          name: "view for reports",
          environment: "staging",
          needs: ["structure"],
          tasks: [
            { ...(await at("staging")), statement: "CREATE VIEW figures AS SELECT * FROM daily_figures;" },
          ],
        },
        {
          name: "production",
          environment: "prod",
          needs: ["figures of last year", "view for reports"],
          tasks: [await at("prod")],
        },
      ],
    },
  });
  if (reader)
    known.locked ??= await post("/issues", {
      project: waiting.project,
      title: "Weight of orders",
      statement: "ALTER TABLE orders ADD COLUMN weight int;",
      targets: { environments: ["dev"] },
    });
  const database = (await get("/databases?environment=dev")).items[0];
  const instance = (await get("/instances")).items[0];

  await shoot("inbox", "/");
  await shoot("issues", "/issues");
  await shoot("new-change", "/issues/new");
  await shoot("issue", `/issues/${waiting.id}`, true);
  await shoot("issue-failed", `/issues/${failed.id}?stage=staging`, true);
  await shoot("issue-done", `/issues/${done.id}`, true);
  await shoot("issue-stages", `/issues/${known.stages.id}`, true);
  if (reader) {
    await page.goto(`/issues/${known.locked.id}`);
    await page.getByText(/^This task waits for monthly report/).waitFor({ timeout: 60_000 });
    await shoot("issue-waiting", null);
  }
  await shoot("databases", "/databases");
  await shoot("database", `/databases/${database.id}`);
  await shoot("instances", "/instances");
  await page.getByRole("button", { name: "Add instance" }).click();
  await page.getByRole("combobox", { name: "Engine" }).click();
  await page.getByRole("option", { name: "MariaDB" }).click();
  await shoot("add-instance", null);
  await shoot("instance", `/instances/${instance.slug}`, true);
  await shoot("pipeline", `/pipelines/${instance.sync_pipeline}`);
  for (const name of ["environments", "tiers", "projects", "users", "service-accounts", "tokens", "plugins"])
    await shoot(`settings-${name}`, `/settings/${name}`);
  await shoot("audit", "/audit");
  await page.goto("/issues");
  await page.getByRole("heading", { level: 1, name: "Issues" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Search issues or run a command").waitFor();
  if (!only || only.includes("palette")) await page.screenshot({ path: `${folder}palette-${scheme}.png` });
  await context.close();
}

// What the pages below show would change those above, so it is made after them, once.
for (const scheme of ["light", "dark"]) {
  const { context, page, shoot, get, send, post } = await visit(scheme);
  const project = "shop";
  const done = known.issues.find((i) => i.status === "done");
  if (!known.more) {
    known.more = true;
    const { release } = await get(`/issues/${done.id}`);
    const report = (environment, context, state, description) =>
      post(`/releases/${release}/statuses`, { environment, context, state, description });
    await report("dev", "ci/tests", "success", "412 tests");
    await report("staging", "ci/tests", "success", "412 tests");
    await report("dev", "load/checkout", "success", "p99 at 38 ms");
    await report("staging", "load/checkout", "pending", "Half of the load is on");
    await send("PUT", `/projects/${project}/environments/staging/required-checks`, {
      contexts: ["ci/tests"],
    });
    await post("/groups", { slug: "payments", name: "Payments" });
    await send("PUT", "/groups/payments/members", ["bo@example.com"]);
    await post(`/projects/${project}/database-groups`, { slug: "everywhere", selector: "!canary" });
    const machine = await post("/service-accounts", { name: "Migrations of shop" });
    const members = (await get(`/projects/${project}/members`)).map(({ principal, role }) => ({
      principal,
      role,
    }));
    await send("PUT", `/projects/${project}/members`, [
      ...members,
      { principal: `service:${machine.id}`, role: "developer" },
    ]);
    await post("/repositories", {
      slug: "shop",
      project,
      system: "github",
      repository: "acme/shop",
      directory: "db/migrations",
      environment: "dev",
      acts_as: machine.id,
      token: "not-a-token",
    });
  }
  if (database_url && !known.drifted) {
    // Not where a change of ours is waiting: while one runs, nobody can tell whose a difference is.
    const { id, instance } = (await get("/databases?environment=staging")).items[0];
    known.drifted = id;
    const sync = async () => {
      const { pipeline } = await post(`/instances/${instance}/sync`);
      while ((await get(`/pipelines/${pipeline}`)).status === "open") await page.waitForTimeout(200);
    };
    await sync(); // what the demo has applied is known, so that only the rest is a drift
    const statement = "CREATE TABLE public.orders_before_sale AS SELECT * FROM orders";
    const staging = database_url.replace(/dev$/, "staging");
    const somebody = spawn(python, [hold, staging, statement], { stdio: "pipe" });
    await once(somebody.stdout, "data");
    somebody.stdin.end(); // which commits
    await once(somebody, "exit");
    await sync();
  }
  if (known.drifted) {
    await shoot("drifts", "/databases/drifts");
    await shoot("database-drifted", `/databases/${known.drifted}`, true);
  }
  await shoot("board", `/board?project=${project}`);
  await page.goto(`/board?project=${project}`);
  await page
    .getByRole("button", { name: /^Promote to / })
    .first()
    .click();
  await page.getByRole("dialog").getByRole("heading", { name: "Before it runs" }).waitFor();
  await shoot("promotion", null);
  await shoot("checks", `/checks?project=${project}`);
  await shoot("schedules", "/schedules");
  await page.goto(`/databases/groups?project=${project}`);
  await page.getByRole("button", { name: /databases? of everywhere$/ }).click();
  await shoot("database-groups", null);
  await shoot("settings-groups", "/settings/groups");
  await shoot("settings-repositories", "/settings/repositories");
  const until = new Date(Date.now() + 3 * 86_400_000).toISOString();
  await send("PUT", "/environments/prod/freeze", { reason: "Sale until Monday", until });
  await shoot("settings-freezes", "/settings/freezes");
  await send("DELETE", "/environments/prod/freeze");
  const login = await post("/auth/device", { name: "penstock on anas-laptop" });
  await shoot("device", `/device?code=${login.user_code}`);
  await context.close();
}
reader?.stdin.end();
await browser.close();
