/** Schedules through the browser: what comes next, what became of the last ones, on and off, changed and added. */
import type { Browser } from "playwright-core";
import { launch, type Person, signIn, violations } from "./browser";
import { ADMIN } from "./seed";

let browser: Browser;
let admin: Person;

beforeAll(async () => {
  browser = await launch();
  admin = await signIn(browser, ADMIN);
});
afterAll(async () => {
  await admin.close();
  await browser.close();
});

test("a schedule is changed, switched off and on, removed and added again", async () => {
  const { page } = admin;
  await page.goto("/schedules");
  const row = page.getByRole("row").filter({ hasText: "pg-staging" });
  await row.getByText("*/15 * * * *").waitFor();

  await page.getByRole("button", { name: "Edit the schedule of pg-staging" }).click();
  const edit = page.getByRole("dialog", { name: "Schedule of pg-staging" });
  await edit.getByRole("textbox", { name: "Cron" }).fill("0 0 31 2 *");
  await edit.getByRole("button", { name: "Save" }).click();
  await edit.getByText("is not a cron expression of five fields that ever fires.").first().waitFor();
  expect(await violations(page)).toEqual([]);
  await edit.getByRole("textbox", { name: "Cron" }).fill("30 3 * * *");
  await edit.getByRole("textbox", { name: "Time zone" }).fill("Asia/Kolkata");
  await edit.getByRole("textbox", { name: "Jitter in seconds" }).fill("90");
  await edit.getByRole("button", { name: "Save" }).click();
  await row.getByText("30 3 * * *").waitFor();
  await row.getByText("Asia/Kolkata").waitFor();

  await page.getByRole("button", { name: "Slots of pg-staging" }).click();
  const slots = page.getByRole("dialog", { name: "Slots of pg-staging" });
  const next = slots.getByRole("list", { name: "Next slots" }).getByRole("listitem");
  await next.first().waitFor();
  expect(await next.count()).toBe(5);
  await slots.getByText("Each is acted upon 90 s later").waitFor();
  // A quarter of an hour may have begun since the server was started.
  await slots
    .getByText("None yet.")
    .or(slots.getByRole("list", { name: "Last slots" }))
    .waitFor();
  expect(await next.first().getByRole("time").getAttribute("datetime")).toContain("T22:00:00");
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Escape");

  const on = page.getByRole("switch", { name: "The schedule of pg-staging is on" });
  await on.click({ force: true });
  await row.getByText("Off", { exact: true }).waitFor();
  await on.click({ force: true });
  await row.getByText("Off", { exact: true }).waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Edit the schedule of pg-staging" }).click();
  await edit.getByRole("button", { name: "Remove this schedule" }).click();
  await row.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Add schedule" }).click();
  const add = page.getByRole("dialog", { name: "Add schedule" });
  await add.getByRole("button", { name: "Save" }).click();
  await add.getByText("Which server?").waitFor();
  await add.getByRole("combobox", { name: "Server" }).click();
  await page.getByRole("option", { name: "Shop staging" }).click();
  expect(await violations(page)).toEqual([]);
  await add.getByRole("button", { name: "Save" }).click();
  await row.getByText("*/15 * * * *").waitFor();
  // The browser itself speaks of the refused expression.
  expect(admin.problems.filter((p) => !p.includes("422"))).toEqual([]);
});
