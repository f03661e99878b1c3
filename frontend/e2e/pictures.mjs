// Takes the pictures under docs/pictures of a running demo: node e2e/pictures.mjs URL ADMIN_EMAIL ADMIN_PASSWORD
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [url, email, password] = process.argv.slice(2);
if (!password) throw new Error("usage: node e2e/pictures.mjs URL ADMIN_EMAIL ADMIN_PASSWORD");
const WIDTH = 1280;
const HEIGHT = 860;
const folder = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
await mkdir(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

for (const scheme of ["light", "dark"]) {
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
  await shoot("login", "/login");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();

  const get = (path) => page.evaluate(async (p) => (await fetch(`/api/v1${p}`)).json(), path);
  const issues = (await get("/issues")).items;
  const waiting = issues.find((i) => i.status === "open" && i.result !== "failed");
  const failed = issues.find((i) => i.result === "failed");
  const done = issues.find((i) => i.status === "done");
  const database = (await get("/databases?environment=dev")).items[0];
  const instance = (await get("/instances")).items[0];

  await shoot("inbox", "/");
  await shoot("issues", "/issues");
  await shoot("new-change", "/issues/new");
  await shoot("issue", `/issues/${waiting.id}`, true);
  await shoot("issue-failed", `/issues/${failed.id}?stage=staging`, true);
  await shoot("issue-done", `/issues/${done.id}`, true);
  await shoot("databases", "/databases");
  await shoot("database", `/databases/${database.id}`);
  await shoot("instances", "/instances");
  await shoot("instance", `/instances/${instance.slug}`, true);
  await shoot("pipeline", `/pipelines/${instance.sync_pipeline}`);
  for (const name of ["environments", "tiers", "projects", "users", "service-accounts", "tokens"])
    await shoot(`settings-${name}`, `/settings/${name}`);
  await shoot("audit", "/audit");
  await page.goto("/issues");
  await page.getByRole("heading", { level: 1, name: "Issues" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Search issues or run a command").waitFor();
  await page.screenshot({ path: `${folder}palette-${scheme}.png` });
  await context.close();
}
await browser.close();
