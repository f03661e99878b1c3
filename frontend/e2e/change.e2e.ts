/** A change from filing to applied, by two people in two browsers that never reload. */
import type { Browser, Page } from "playwright-core";
import { inject } from "vitest";
import { until } from "./api";
import { api, launch, type Person, signIn, violations } from "./browser";
import { AUTHOR, OWNER } from "./seed";

let browser: Browser;
let ana: Person;
let bo: Person;

beforeAll(async () => {
  browser = await launch();
  [ana, bo] = await Promise.all([signIn(browser, AUTHOR), signIn(browser, OWNER)]);
});
afterAll(async () => {
  await Promise.all([ana.close(), bo.close()]);
  await browser.close();
});

const stage = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Stages" }).getByRole("button", { name: new RegExp(`^${name} `) });
const number = (page: Page) => Number(/\/issues\/(\d+)/.exec(page.url())?.[1]);

async function file(title: string, statement: string, names: string[]): Promise<number> {
  const author = await api(AUTHOR);
  const ids = inject("databases");
  const issue = await author.post<{ id: number }>("/issues", {
    project: "shop",
    title,
    statement,
    targets: { databases: names.map((n) => ids[n]) },
  });
  return issue.id;
}

async function open(person: Person, issue: number, title: string): Promise<void> {
  await person.page.goto(`/issues/${issue}`);
  await person.page.getByRole("heading", { level: 1, name: title }).waitFor();
}

test("filed in the browser, approved in another, live in both", async () => {
  const { page } = ana;
  await page.getByRole("banner").getByRole("link", { name: "New change" }).click();
  await page.getByRole("heading", { level: 1, name: "New change" }).waitFor();

  // Next is never disabled: it lists what is missing.
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("alert").getByText("Choose the project").waitFor();
  await page.getByRole("combobox", { name: "Project" }).click();
  await page.getByRole("option", { name: "Shop" }).click();
  await page.getByRole("checkbox", { name: /Development/ }).check();
  await page.getByRole("checkbox", { name: /^shop_staging_eu/ }).check();
  await page.getByRole("complementary", { name: "Chosen databases" }).getByText("3 chosen").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Next" }).click();

  await page.getByRole("textbox", { name: "Title" }).fill("Add a note to orders");
  await page.getByRole("textbox", { name: "SQL" }).click();
  await page.keyboard.type("ALTER TABLE orders ADD COLUMN note text;");
  expect(await violations(page)).toEqual([]);

  // The draft is never lost.
  await page.reload();
  await page.getByText("ADD COLUMN").waitFor();
  expect(await page.getByRole("textbox", { name: "Title" }).inputValue()).toBe("Add a note to orders");
  await page.getByRole("button", { name: "Next" }).click();

  await page.getByRole("list", { name: "Stages" }).getByText("Approval by project owner or DBA").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "File this change" }).click();
  await page.getByRole("heading", { level: 1, name: "Add a note to orders" }).waitFor();

  // Development needs nobody: it is applied while the page is open.
  await stage(page, "dev").getByText("Succeeded").waitFor();
  await page.getByRole("heading", { name: "Why it waits" }).waitFor();
  await expect(page.getByRole("button", { name: "Review" }).count()).resolves.toBe(0);

  await open(bo, number(page), "Add a note to orders");
  await bo.page.getByRole("button", { name: "Review" }).click();
  await bo.page.getByRole("radio", { name: "Approve" }).waitFor();
  expect(await violations(bo.page)).toEqual([]);
  await bo.page.getByRole("button", { name: "Approve staging" }).click();

  // Neither page is reloaded: the event stream tells them.
  await stage(page, "staging").getByText("Succeeded").waitFor();
  await page.locator("header [data-status=done]").waitFor();
  await stage(bo.page, "staging").getByText("Succeeded").waitFor();
  expect([...ana.problems, ...bo.problems]).toEqual([]);
});

test("a log streams in while the statement runs, every line has an address", async () => {
  const sql =
    "DO $$ BEGIN FOR i IN 1..8 LOOP RAISE NOTICE 'batch % of 8', i; PERFORM pg_sleep(0.4); END LOOP; END $$;";
  const issue = await file("Slow backfill", sql, ["shop_dev"]);
  await open(ana, issue, "Slow backfill");
  const log = ana.page.getByRole("log", { name: "Log lines" });
  await log.getByText("batch 1 of 8").waitFor();
  await expect(log.getByText("batch 8 of 8").count()).resolves.toBe(0);
  await log.getByText("batch 8 of 8").waitFor();
  await stage(ana.page, "dev").getByText("Succeeded").waitFor();

  await log.getByRole("link", { name: "Line 3" }).click();
  const address = ana.page.url();
  expect(new URL(address).searchParams.get("line")).toBe("3");
  await bo.page.goto(address);
  await bo.page.locator("[data-target=true]").getByRole("link", { name: "Line 3" }).waitFor();
  await ana.page.getByRole("textbox", { name: "Search the log" }).fill("batch 5");
  await log.locator("mark").first().waitFor();
  expect(await violations(ana.page)).toEqual([]);
});

test("a failure shows its line in the SQL; fixed, retried, applied", async () => {
  const issue = await file("Broken index", "CREATE TABLE notes (id int);\nCREATE INDEX ON note (id);", [
    "shop_dev",
  ]);
  await open(ana, issue, "Broken index");
  const { page } = ana;
  await stage(page, "dev").getByText("Failed", { exact: true }).waitFor();
  await page.locator(".cm-note").getByText('relation "note" does not exist').waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByRole("button", { name: "Edit SQL", exact: true }).click();
  const editor = page.getByRole("dialog").getByRole("textbox", { name: "SQL" });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("CREATE TABLE notes (id int);");
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Save as revision 2" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page
    .getByRole("toolbar", { name: "Issue actions" })
    .getByRole("button", { name: "Retry 1 failed" })
    .click();
  await stage(page, "dev").getByText("Succeeded").waitFor();
});

test("the one database that differs gets SQL of its own", async () => {
  const statement = "ALTER TABLE orders ADD COLUMN customer_id int;";
  const issue = await file("Customers of orders", statement, ["shop_dev", "stock_dev"]);
  await open(ana, issue, "Customers of orders");
  const { page } = ana;
  const tasks = page.getByRole("region", { name: "Tasks in dev" });
  await tasks.getByRole("heading", { name: "shop_dev" }).waitFor();
  await stage(page, "dev").getByText("Failed", { exact: true }).waitFor();
  await tasks.getByRole("button", { name: "Edit SQL for this database…" }).click();
  const dialog = page.getByRole("dialog", { name: "Edit the SQL for shop_dev alone" });
  await dialog.getByText("Approvals of dev given so far become stale.").waitFor();
  await dialog.getByRole("textbox", { name: "SQL" }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("COMMENT ON COLUMN orders.customer_id IS 'Whose';");
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Save for shop_dev" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("gave pg-dev/shop_dev SQL of its own").waitFor();
  await tasks.getByRole("button", { name: "Retry", exact: true }).click();
  await stage(page, "dev").getByText("Succeeded").waitFor();
  await page.getByRole("heading", { name: "SQL of shop_dev in dev" }).waitFor();
});

test("what changed since it was seen cannot be approved unseen", async () => {
  const issue = await file("Add a flag", "ALTER TABLE orders ADD COLUMN flag boolean;", ["shop_staging_eu"]);
  await open(bo, issue, "Add a flag");
  const { page } = bo;
  await page.getByRole("button", { name: "Review" }).waitFor();
  const author = await api(AUTHOR);
  await author.send("PUT", `/issues/${issue}/release`, { statement: "DROP TABLE orders;" });

  await page.getByText("The SQL changed since you opened this page.").waitFor();
  await page.getByRole("button", { name: "Review" }).click();
  await page.getByRole("button", { name: "Approve staging" }).click();
  await page.getByRole("alert").getByText("Look at the change first").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Show what changed" }).click();
  await page.getByRole("textbox", { name: "What changed in the SQL" }).getByText("DROP").waitFor();
  expect(await violations(page)).toEqual([]);

  // Changes are requested, with a reason, and the author sees it at once.
  await open(ana, issue, "Add a flag");
  await page.getByRole("button", { name: "I have looked at it" }).click();
  await page.getByRole("button", { name: "Review" }).click();
  await page.getByRole("radio", { name: "Request changes" }).check();
  await page.getByRole("button", { name: "Request changes" }).click();
  await page.getByRole("alert").getByText("Say what has to change.").waitFor();
  await page.getByRole("textbox", { name: "What has to change?" }).fill("Never drop orders.");
  await page.getByRole("dialog", { name: "Review" }).getByRole("button", { name: "Request changes" }).click();
  await ana.page.getByText("Never drop orders.").first().waitFor();
  await author.post(`/issues/${issue}/cancel`);
});

test("run by hand: the confirmation names environment and count; a blocked button explains itself", async () => {
  const admin = await api("admin@example.com");
  await admin.post("/approval-tiers", { slug: "by-hand", name: "By hand", steps: [], rollout: "manual" });
  await admin.send("PATCH", "/environments/dev", { tier: "by-hand" });
  const issue = await file("By hand", "SELECT 1;", ["shop_dev"]);
  const { page } = ana;
  await open(ana, issue, "By hand");
  await page.getByRole("toolbar", { name: "Issue actions" }).getByRole("button", { name: "Run dev" }).click();
  const dialog = page.getByRole("dialog", { name: "Run dev" });
  await dialog.getByText("Development").waitFor();
  await dialog.getByRole("button", { name: "Run on 1 database" }).click();
  await stage(page, "dev").getByText("Succeeded").waitFor();
  await admin.send("PATCH", "/environments/dev", { tier: "open" });
});

test("hold, resume, cancel, reopen", async () => {
  const issue = await file("On and off", "SELECT 1;", ["shop_staging_us"]);
  const { page } = ana;
  await open(ana, issue, "On and off");
  const menu = async (item: string) => {
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  await menu("Put on hold…");
  await page.getByRole("button", { name: "Hold" }).click();
  await page.getByText("Say why, in a few words.").waitFor();
  await page.getByRole("textbox", { name: "Why should nothing start for now?" }).fill("Inventory day");
  await page.getByRole("button", { name: "Hold" }).click();
  await page.locator("header [data-status=held]").waitFor();
  await page.getByRole("toolbar").getByRole("button", { name: "Resume" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await page.locator("header [data-status=held]").waitFor({ state: "detached" });
  await menu("Cancel issue…");
  await page.getByRole("button", { name: "Cancel this issue" }).click();
  await page.getByRole("toolbar").getByRole("button", { name: "Reopen" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reopen" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const author = await api(AUTHOR);
  await until(
    () => author.get<{ status: string }>(`/issues/${issue}`),
    (i) => i.status === "open",
  );
  await author.post(`/issues/${issue}/cancel`);
});
