/** A change that cannot go on says why, and who is in the way; it goes on by itself when they are gone. */
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { api, launch, type Person, signIn, violations } from "./browser";
import { end, start } from "./installation";
import { AUTHOR } from "./seed";

let browser: Browser;
let ana: Person;

beforeAll(async () => {
  browser = await launch();
  ana = await signIn(browser, AUTHOR);
});
afterAll(async () => {
  await ana.close();
  await browser.close();
});

/** Somebody who has read the orders of shop_dev and has not ended the transaction. */
async function reader() {
  const url = new URL(inject("servers").postgres);
  url.pathname = "/shop_dev";
  const args = [join(import.meta.dirname, "hold.py"), url.href, "SELECT * FROM orders"];
  return (await start(args, {}, /^holding$/)).process;
}

async function file(title: string, statement: string): Promise<number> {
  const author = await api(AUTHOR);
  const targets = { databases: [inject("databases").shop_dev] };
  const issue = await author.post<{ id: number }>("/issues", { project: "shop", title, statement, targets });
  await ana.page.goto(`/issues/${issue.id}`);
  await ana.page.getByRole("heading", { level: 1, name: title }).waitFor();
  return issue.id;
}

test("who holds the lock is named with what they do; when they are gone, the change goes on", async () => {
  const somebody = await reader();
  await file(
    "Weight of orders",
    "ALTER TABLE orders ADD COLUMN weight int;\nCREATE INDEX CONCURRENTLY orders_weight ON orders (weight);",
  );
  const { page } = ana;
  await page.getByText("Step 2 of 2 · outside a transaction").waitFor();
  // It opens by itself once the task is known to wait.
  const sessions = page.getByRole("region", { name: "Sessions in the database" });
  // Between two tries it waits for nothing, so this may take some.
  await sessions.getByText(/^This task waits for monthly report, pid \d+/).waitFor({ timeout: 40_000 });
  const blocker = sessions.getByRole("listitem").filter({ hasText: "In the way" });
  await blocker.filter({ hasText: "idle in transaction" }).getByText("SELECT * FROM orders").waitFor();
  expect(await violations(page)).toEqual([]);
  await end(somebody);
  await page.locator("header [data-status=done]").waitFor();
  expect(ana.problems).toEqual([]);
});

test("a change that waits is canceled, and says what really happened", async () => {
  const somebody = await reader();
  await file("Colour of orders", "ALTER TABLE orders ADD COLUMN colour text;");
  const { page } = ana;
  await page.locator("h3 [data-status=running]").waitFor();
  await page.getByRole("button", { name: "Cancel task" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel this task" }).click();
  await page.locator("h3 [data-status=canceled]").waitFor();
  await end(somebody);
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.locator("header [data-status=done]").waitFor();
  await page.getByRole("list", { name: "Attempts" }).getByText("Canceled").waitFor();
  expect(ana.problems).toEqual([]);
});
