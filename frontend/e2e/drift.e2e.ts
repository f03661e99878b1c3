/** Drift in the browser: what somebody changed by hand is shown where it happened, ignored, accepted, and taken back. */
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { type Api, until } from "./api";
import { api, launch, overflow, type Person, signIn, violations } from "./browser";
import { end, start } from "./installation";
import { ADMIN, AUTHOR, OWNER } from "./seed";

const NAME = "shop_staging_us";
const INSTANCE = "pg-staging";
let browser: Browser;
let admin: Api;
let bo: Person;

/** Somebody with a client of their own. */
async function byHand(statement: string) {
  const url = new URL(inject("servers").postgres);
  url.pathname = `/${NAME}`;
  const args = [join(import.meta.dirname, "hold.py"), url.href, statement];
  await end((await start(args, {}, /^holding$/)).process); // which commits
}

async function sync() {
  const { pipeline } = await admin.post<{ pipeline: number }>(`/instances/${INSTANCE}/sync`);
  await until(
    () => admin.get<{ status: string }>(`/pipelines/${pipeline}`),
    (found) => found.status === "done",
  );
}

/** A sync that begins now: one that was under way already may have read too early. */
async function newest(): Promise<{ status: string } | undefined> {
  await sync();
  await sync();
  const of = inject("databases")[NAME];
  return (await admin.get<{ items: { status: string }[] }>(`/drifts?database=${of}`)).items[0];
}

beforeAll(async () => {
  browser = await launch();
  admin = await api(ADMIN);
  await newest(); // first seen, or as our own changes have left it
  bo = await signIn(browser, OWNER);
});
afterAll(async () => {
  await bo.close();
  await browser.close();
});

const panel = (person: Person) => person.page.getByRole("region", { name: "Not as expected" });

test("a list without drifts says when there would be one", async () => {
  await bo.page.goto("/databases");
  await bo.page.getByRole("link", { name: "Drift" }).click();
  await bo.page.getByRole("heading", { level: 1, name: "Drift" }).waitFor();
  await bo.page.getByRole("heading", { name: "No database has drifted" }).waitFor();
  expect(await violations(bo.page)).toEqual([]);
  await bo.page.getByRole("button", { name: "Clear the filters" }).click();
  await expect.poll(() => new URL(bo.page.url()).search).toBe("");
});

test("what was changed by hand appears by itself, is ignored, and accepted", async () => {
  const { page } = bo;
  await page.goto(`/databases/${inject("databases")[NAME]}`);
  await page.getByRole("heading", { level: 1, name: NAME }).waitFor();
  expect(await panel(bo).count()).toBe(0);
  await byHand("ALTER TABLE orders ADD COLUMN hotfix text");
  await byHand("ALTER TABLE customers ALTER COLUMN email TYPE varchar(200)");
  await until(newest, (drift) => drift?.status === "open");

  await panel(bo).getByText("column public.orders.hotfix").waitFor();
  await panel(bo).getByText("text → character varying(200)").waitFor();
  expect(await violations(page)).toEqual([]);

  await panel(bo).getByRole("button", { name: "Ignore" }).click();
  const ignore = page.getByRole("dialog", { name: `Ignore the drift of ${NAME}` });
  await ignore.getByLabel("Until").fill("2020-01-01T00:00");
  await ignore.getByRole("button", { name: "Ignore" }).click();
  await ignore.getByText("Name a time that is still to come.").first().waitFor();
  expect(await violations(page)).toEqual([]);
  await ignore.getByLabel("Until").fill("");
  await ignore.getByRole("textbox", { name: "Comment" }).fill("Until Monday");
  await ignore.getByRole("button", { name: "Ignore" }).click();
  await panel(bo).getByText("Bo ignores this until it changes again: “Until Monday”").waitFor();

  await page.goto("/databases/drifts?status=ignored");
  const row = page.getByRole("row").filter({ hasText: NAME });
  await row.getByText("1 added, 1 changed").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await panel(bo).getByRole("button", { name: "Accept as it is" }).click();
  const accept = page.getByRole("dialog", { name: `Accept ${NAME} as it is` });
  await accept.getByRole("textbox", { name: "Comment" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.type("Made in the incident");
  await accept.getByRole("button", { name: "Accept" }).click();
  await panel(bo).waitFor({ state: "detached" });
  await until(newest, (drift) => drift?.status === "accepted");
  // The browser itself speaks of the refused time.
  expect(bo.problems.filter((p) => !p.includes("422"))).toEqual([]);
});

test("who may not decide sees what differs and whom to ask; in the dark and on a phone, too", async () => {
  await byHand("CREATE TABLE public.orders_before_sale AS SELECT * FROM orders");
  await until(newest, (drift) => drift?.status === "open");
  for (const look of [
    { scheme: "dark", width: 1440 },
    { scheme: "light", width: 390 },
  ] as const) {
    const ana = await signIn(browser, AUTHOR, look);
    await ana.page.goto("/databases/drifts?project=shop");
    await ana.page.getByRole("row").filter({ hasText: "Drifted" }).waitFor();
    expect(await violations(ana.page)).toEqual([]);
    expect(await overflow(ana.page)).toBe(0);
    await ana.page.getByRole("link", { name: NAME }).first().click();
    await panel(ana).getByText("table public.orders_before_sale").waitFor();
    await panel(ana).getByText("A project owner or a DBA can accept or ignore this.").waitFor();
    expect(await panel(ana).getByRole("button").count()).toBe(0);
    expect(await violations(ana.page)).toEqual([]);
    expect(await overflow(ana.page)).toBe(0);
    expect(ana.problems).toEqual([]);
    await ana.close();
  }
});

test("what is taken back is gone from the page by itself", async () => {
  const { page } = bo;
  await page.goto(`/databases/${inject("databases")[NAME]}`);
  await panel(bo).waitFor();
  await byHand("DROP TABLE public.orders_before_sale");
  await until(newest, (drift) => drift?.status === "ended");
  await panel(bo).waitFor({ state: "detached" });
  await page.goto("/databases/drifts?status=ended");
  await page.getByRole("row").filter({ hasText: NAME }).getByText("As expected again").waitFor();
});
