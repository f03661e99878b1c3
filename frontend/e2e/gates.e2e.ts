/** Who must agree and when work may start, through the browser: tiers, freezes, windows, database groups. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import type { Json } from "./api";
import { api, launch, type Person, signIn, violations } from "./browser";
import { ADMIN, AUTHOR, OWNER } from "./seed";

const DBA = "dora@example.com";
let browser: Browser;
let admin: Person;
let bo: Person;
let number = 0;

beforeAll(async () => {
  browser = await launch();
  admin = await signIn(browser, ADMIN);
  bo = await signIn(browser, OWNER);
});
afterEach(async () => {
  const root = await api(ADMIN);
  await root.send("PATCH", "/environments/dev", { tier: "open" });
});
afterAll(async () => {
  await admin.close();
  await bo.close();
  await browser.close();
});

/** Files a change for shop_dev, or what the body says, as its author. */
async function file(title: string, statement: string, more: Json = {}): Promise<number> {
  const author = await api(AUTHOR);
  const targets = { databases: [inject("databases").shop_dev] };
  const issue = await author.post<{ id: number }>("/issues", {
    project: "shop",
    title,
    statement,
    targets,
    ...more,
  });
  return issue.id;
}

const open = async (person: Person, issue: number, title: string) => {
  await person.page.goto(`/issues/${issue}`);
  await person.page.getByRole("heading", { level: 1, name: title }).waitFor();
};
const fresh = (name: string) => `${name}_${Date.now()}_${++number}`;

test("a tier is edited step by step; the new person is asked, and what is approved runs", async () => {
  const { page } = admin;
  await page.goto("/settings/groups");
  await page.getByRole("heading", { name: "No groups yet" }).waitFor();
  await page.getByRole("button", { name: "Add group" }).first().click();
  const add = page.getByRole("dialog", { name: "Add group" });
  await add.getByRole("textbox", { name: "Name" }).fill("Payments");
  await add.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "People of Payments" }).click();
  const people = page.getByRole("dialog", { name: "People of Payments" });
  await people.getByText("Nobody yet").waitFor();
  await people.getByRole("textbox", { name: "Add a person" }).fill(DBA);
  await people.getByRole("button", { name: "Add", exact: true }).click();
  await people.getByText("Dora", { exact: true }).waitFor();
  expect(await violations(page)).toEqual([]);

  await page.goto("/settings/tiers");
  await page.getByRole("button", { name: "Add tier" }).click();
  const dialog = page.getByRole("dialog", { name: "Add tier" });
  await dialog.getByRole("textbox", { name: "Name" }).fill("Careful");
  await dialog.getByRole("button", { name: "Add step", exact: true }).click();
  await dialog.getByRole("button", { name: "Add rule" }).click();
  const rule = dialog.getByRole("group", { name: "Rule 1" });
  await rule.getByLabel("Who may fill step 1 of rule 1").click();
  await page.getByRole("option", { name: "Group Payments" }).click();
  await page.keyboard.press("Escape");
  await dialog.getByRole("button", { name: "Add window" }).click();
  await dialog.getByRole("textbox", { name: "Cron of window 1" }).fill("* * * * *");
  await dialog.getByText("Next open, in your time zone").waitFor();
  expect(
    await dialog
      .getByRole("listitem")
      .filter({ has: page.locator("time") })
      .count(),
  ).toBe(3);
  await dialog.getByRole("textbox", { name: "Cron of window 1" }).fill("99 * * * *");
  await dialog.getByText("not a cron expression").waitFor();
  await dialog.getByRole("button", { name: "Remove window 1" }).click();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("more approvals for some changes").waitFor();
  const root = await api(ADMIN);
  await root.send("PATCH", "/environments/dev", { tier: "careful" });

  const title = fresh("Drop what nobody reads");
  const issue = await file(title, "DROP TABLE IF EXISTS nobody_reads_this;");
  await open(bo, issue, title);
  const approvals = bo.page.getByRole("region", { name: "Approvals" });
  await approvals.getByText("Could approve now: you").waitFor();
  await approvals.getByText("Added because the change removes data.").waitFor();
  expect(await violations(bo.page)).toEqual([]);
  await bo.page.getByRole("button", { name: "Review", exact: true }).click();
  await bo.page.getByRole("button", { name: "Approve dev" }).click();
  await approvals.getByText(/^Could approve now: .*Dora/).waitFor();

  const dora = await signIn(browser, DBA);
  await dora.page.getByRole("link", { name: title }).first().click();
  await dora.page.getByRole("button", { name: "Review", exact: true }).click();
  await dora.page.getByRole("button", { name: "Approve dev" }).click();
  await dora.page.locator("header [data-status=done]").waitFor();
  expect(dora.problems).toEqual([]);
  await dora.close();
});

test("a freeze holds a stage and says why; lifted, it runs by itself", async () => {
  const { page } = admin;
  await page.goto("/settings/freezes");
  await page.getByText("Nothing is frozen.").waitFor();
  await page.getByRole("button", { name: "Freeze Development" }).click();
  const dialog = page.getByRole("dialog", { name: "Freeze Development" });
  await dialog.getByRole("button", { name: "Freeze", exact: true }).click();
  await dialog.getByText("Say why, in a few words.").waitFor();
  await dialog.getByRole("textbox", { name: "Why should nothing start?" }).fill("Sale until Monday");
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Freeze", exact: true }).click();
  await page.getByText("“Sale until Monday”").waitFor();

  const title = fresh("Frozen for now");
  const issue = await file(title, `CREATE TABLE ${fresh("frozen")} (id int);`);
  await open(bo, issue, title);
  const why = bo.page.getByRole("region", { name: "Why it waits" });
  await why.getByText("The environment is frozen: Sale until Monday").waitFor();
  await page.getByRole("button", { name: "End the freeze of Development" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End the freeze" }).click();
  await page.getByText("Nothing is frozen.").waitFor();
  await bo.page.locator("header [data-status=done]").waitFor();
  expect(bo.problems).toEqual([]);
});

test("everything is stopped on every page, until somebody lets work start again", async () => {
  const { page } = admin;
  await page.goto("/settings/freezes");
  await bo.page.goto("/databases");
  await page.getByRole("button", { name: "Stop everything", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Stop everything" });
  await dialog.getByRole("textbox", { name: "Why should nothing start?" }).fill("Incident 7");
  await dialog.getByRole("button", { name: "Stop everything" }).click();
  for (const person of [admin, bo]) {
    const banner = person.page.getByRole("region", { name: "Everything is stopped" });
    await banner.getByText("“Incident 7”").waitFor();
    expect(await violations(person.page)).toEqual([]);
  }
  expect(await bo.page.getByRole("button", { name: "Let work start again" }).count()).toBe(0);
  await page.goto("/issues");
  const banner = page.getByRole("region", { name: "Everything is stopped" });
  await banner.getByRole("button", { name: "Let work start again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Let work start again" }).click();
  for (const person of [admin, bo])
    await person.page.getByRole("region", { name: "Everything is stopped" }).waitFor({ state: "detached" });
});

test("in an emergency a DBA bypasses a window, and only that", async () => {
  const root = await api(ADMIN);
  const windows = [{ cron: "0 0 29 2 *", duration_minutes: 1, time_zone: "UTC" }];
  await root.post("/approval-tiers", { slug: "leap-days", name: "Leap days", windows });
  await root.send("PATCH", "/environments/dev", { tier: "leap-days" });
  const title = fresh("Cannot wait");
  const issue = await file(title, `CREATE TABLE ${fresh("urgent")} (id int);`);
  await open(bo, issue, title);
  await bo.page.getByText("Outside the maintenance windows of this environment.").first().waitFor();
  expect(await bo.page.getByRole("button", { name: "Bypass…" }).count()).toBe(0);
  const dora = await signIn(browser, DBA);
  await open(dora, issue, title);
  await dora.page.getByRole("button", { name: "Bypass…" }).click();
  const dialog = dora.page.getByRole("dialog", { name: "Bypass gates of dev" });
  expect(await dialog.getByRole("checkbox", { name: "Maintenance windows and start time" }).isChecked()).toBe(
    true,
  );
  await dialog.getByRole("textbox", { name: "Why can this not wait?" }).fill("Orders fail");
  expect(await violations(dora.page)).toEqual([]);
  await dialog.getByRole("button", { name: "Bypass", exact: true }).click();
  await dora.page.locator("header [data-status=done]").waitFor();
  await dora.page.getByText("Orders fail").waitFor();
  expect(dora.problems).toEqual([]);
  await dora.close();
});

test("a database group: written, filed for, joined by another, resolved again", async () => {
  const { page } = bo;
  await page.goto("/databases");
  await page.getByRole("link", { name: "Database groups" }).click();
  await page.getByRole("heading", { name: "No database groups yet" }).waitFor();
  await page.getByRole("button", { name: "Add group" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add database group" });
  await dialog.getByRole("textbox", { name: "Slug" }).fill("canary");
  await dialog.getByRole("textbox", { name: "Selector" }).fill("canary in yes");
  await dialog.getByText("expected an opening bracket").first().waitFor();
  await dialog.getByRole("textbox", { name: "Selector" }).fill("canary");
  await dialog.getByText("No database of the project has these labels.").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "0 databases of canary" }).waitFor();

  const databases = inject("databases");
  const label = async (name: string) => {
    await page.goto(`/databases/${databases[name]}`);
    const labels = page.getByRole("textbox", { name: "Labels" });
    await labels.fill(`${await labels.inputValue()}, canary:yes`);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
  };
  await label("shop_staging_eu");
  await page.goto("/databases/groups?project=shop");
  await page.getByRole("button", { name: "1 database of canary" }).click();
  await page.getByRole("link", { name: "pg-staging/shop_staging_eu" }).waitFor();
  expect(await violations(page)).toEqual([]);

  const title = fresh("For the canaries");
  const issue = await file(title, `CREATE TABLE ${fresh("canary")} (id int);`, {
    targets: { group: "canary" },
  });
  await label("shop_staging_us");
  const ana = await signIn(browser, AUTHOR);
  await open(ana, issue, title);
  const notice = ana.page.getByRole("region", { name: "Changes of the database group" });
  await notice.getByText("1 database joined since").waitFor();
  expect(await violations(ana.page)).toEqual([]);
  await notice.getByRole("button", { name: "Re-resolve…" }).click();
  await ana.page.getByRole("dialog").getByRole("button", { name: "Re-resolve" }).click();
  await notice.waitFor({ state: "detached" });
  await ana.page
    .getByRole("region", { name: "Tasks in staging" })
    .getByText("shop_staging_us")
    .first()
    .waitFor();
  expect(ana.problems).toEqual([]);
  await ana.close();
});

test("a new change goes to a group", async () => {
  const ana = await signIn(browser, AUTHOR);
  const { page } = ana;
  await page.goto("/issues/new");
  await page.getByRole("combobox", { name: "Project" }).click();
  await page.getByRole("option", { name: "Shop" }).click();
  await page.getByRole("combobox", { name: "Database group" }).click();
  await page.getByRole("option", { name: /^canary/ }).click();
  await page.getByText("canary: 2 databases now").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("textbox", { name: "Title" }).waitFor();
  await ana.close();
});

test("how much an environment runs at once is set where it stands", async () => {
  const { page } = admin;
  await page.goto("/settings/environments");
  const field = page.getByRole("textbox", { name: "Tasks at once in Staging" });
  await field.fill("3");
  await field.press("Enter");
  await page.getByText("Staging runs 3 at once.").waitFor();
  await field.fill("");
  await field.press("Enter");
  await page.getByText("Staging has no limit.").waitFor();
});
