/** Checks through the browser: one is required, it holds a change, a person lets its error pass. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import type { Api } from "./api";
import { api, launch, type Person, signIn, violations } from "./browser";
import { AUTHOR, OWNER } from "./seed";

const CI = "ci/circle";
let browser: Browser;
let ana: Person;
let bo: Person;
let author: Api;

beforeAll(async () => {
  browser = await launch();
  [ana, bo] = await Promise.all([signIn(browser, AUTHOR), signIn(browser, OWNER)]);
  author = await api(AUTHOR);
});
afterAll(async () => {
  // The other tests' changes leave dev without anybody's word.
  const owner = await api(OWNER);
  await owner.send("PUT", "/projects/shop/environments/dev/required-checks", { contexts: [] });
  await Promise.all([ana.close(), bo.close()]);
  await browser.close();
});

const report = (release: number, state: string, more: object = {}) =>
  author.post(`/releases/${release}/statuses`, { environment: "dev", context: CI, state, ...more });

test("what has reported can be required; its history is there", async () => {
  const changes = [{ version: "checks-1", name: "introduction", statement: "SELECT 1" }];
  const release = await author.post<{ id: number }>("/releases", { project: "shop", changes });
  await report(release.id, "pending");
  const { page } = bo;
  await page.goto("/checks");
  await page.getByRole("heading", { level: 1, name: "Checks" }).waitFor();
  const cell = (state: string) =>
    page.getByRole("button", { name: new RegExp(`^${CI} in Development: ${state}`) });
  await cell("Pending").waitFor();
  // Live: nobody reloads.
  await report(release.id, "success", { description: "42 tests", target_url: "https://ci.example.com/1" });
  await cell("Success").waitFor();
  expect(await violations(page)).toEqual([]);
  await cell("Success").click();
  const dialog = page.getByRole("dialog", { name: `${CI} in Development` });
  const history = dialog.getByRole("list", { name: "History" }).getByRole("listitem");
  await history.filter({ hasText: "Success" }).getByText("42 tests").waitFor();
  await history.filter({ hasText: "Pending" }).waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("switch", { name: "Required to leave Development" }).click({ force: true });
  await page.keyboard.press("Escape");
  await cell("Success Required").waitFor();
  expect(bo.problems).toEqual([]);
});

test("whoever may not require is told so", async () => {
  const { page } = ana;
  await page.goto("/checks?project=shop");
  await page.getByRole("button", { name: /^ci\/circle in Development: Success Required/ }).click();
  const dialog = page.getByRole("dialog", { name: `${CI} in Development` });
  await dialog.getByText("Required to leave Development.").waitFor();
  expect(await dialog.getByRole("switch").count()).toBe(0);
});

test("an error holds a change until a person lets it pass, with a reason", async () => {
  const ids = inject("databases");
  const issue = await author.post<{ id: number; release: number }>("/issues", {
    project: "shop",
    title: "Shelves of orders",
    statement: "ALTER TABLE orders ADD COLUMN shelf text;",
    targets: { databases: [ids.shop_dev, ids.shop_staging_eu] },
  });
  const { page } = ana;
  await page.goto(`/issues/${issue.id}?stage=staging`);
  await page.getByRole("heading", { level: 1, name: "Shelves of orders" }).waitFor();
  const why = page.getByRole("region", { name: "Why it waits" });
  await why.getByText(`${CI} has not reported on this release in dev yet.`).waitFor();
  expect(await page.getByRole("button", { name: "Override checks…" }).count()).toBe(0);
  await report(issue.release, "error", { description: "No worker", target_url: "https://ci.example.com/2" });
  await why.getByText(`${CI} could not check this release in dev.`).waitFor();
  const checks = page.getByRole("region", { name: "Checks" });
  await checks.getByText("No worker").waitFor();
  expect(await checks.getByRole("link", { name: `Details of ${CI}` }).getAttribute("href")).toBe(
    "https://ci.example.com/2",
  );
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Override checks…" }).click();
  const dialog = page.getByRole("dialog", { name: "Override checks of staging" });
  await dialog.getByRole("button", { name: "Override" }).click();
  await dialog.getByText("Say why, in a few words.").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog
    .getByRole("textbox", { name: "Why may it go on without them?" })
    .fill("The workers are moving");
  await dialog.getByRole("button", { name: "Override" }).click();
  await dialog.waitFor({ state: "detached" });
  await why.getByText(CI).waitFor({ state: "detached" });
  await page.getByText(`overrode ${CI} in staging: The workers are moving`).waitFor();
  expect(ana.problems).toEqual([]);
});
