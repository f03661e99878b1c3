/** Configuration through the browser: servers are tested before they are saved, secrets are shown once or never. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { launch, type Person, signIn, violations } from "./browser";
import { ADMIN, OWNER } from "./seed";

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

const heading = (person: Person, name: string) => person.page.getByRole("heading", { level: 1, name });

test("an instance is tested step by step, saved, and synced", async () => {
  const { page } = admin;
  const target = new URL(inject("target"));
  await page.goto("/instances");
  await page.getByRole("button", { name: "Add instance" }).click();
  const dialog = page.getByRole("dialog", { name: "Add instance" });
  await dialog.getByRole("button", { name: "Test connection" }).click();
  await dialog.getByText("Where is the server?").waitFor();
  await dialog.getByRole("textbox", { name: "Name", exact: true }).fill("Shop extra");
  expect(await dialog.getByRole("textbox", { name: "Slug" }).inputValue()).toBe("shop-extra");
  await dialog.getByRole("combobox", { name: "Environment" }).click();
  await page.getByRole("option", { name: "Development" }).click();
  await dialog.getByRole("textbox", { name: "Host" }).fill(target.hostname);
  await dialog.getByRole("textbox", { name: "Port" }).fill(target.port);
  await dialog.getByRole("textbox", { name: "User name" }).fill(decodeURIComponent(target.username));
  await dialog.getByLabel("Password", { exact: true }).fill("wrong");
  await dialog.getByRole("button", { name: "Test connection" }).click();
  await dialog.getByText("The connection does not work yet.").waitFor();
  await dialog.getByLabel("Password", { exact: true }).fill(decodeURIComponent(target.password));
  await dialog.getByRole("button", { name: "Test connection" }).click();
  await dialog.getByText(/^Connected to/).waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await heading(admin, "Shop extra").waitFor();
  await page.getByRole("button", { name: "Sync now" }).click();
  await heading(admin, "Pipeline #").waitFor();
  await page.locator("h3 [data-status=succeeded]").waitFor();
});

test("environments move with the keyboard", async () => {
  const { page } = admin;
  await page.goto("/settings/environments");
  const names = () =>
    page
      .getByRole("button", { name: /^Remove / })
      .evaluateAll((all) => all.map((b) => b.getAttribute("aria-label")));
  await page.getByRole("button", { name: "Move Staging down" }).focus();
  await page.keyboard.press("Alt+ArrowDown");
  await page.getByText("staging is now number 3 of 3.").waitFor();
  expect(await names()).toEqual(["Remove Development", "Remove Production", "Remove Staging"]);
  await page.getByRole("button", { name: "Move Staging up" }).click();
  await page.getByText("staging is now number 2 of 3.").waitFor();
});

test("a token is shown once", async () => {
  const { page } = admin;
  await page.goto("/settings/tokens");
  await page.getByRole("button", { name: "New token" }).first().click();
  await page.getByRole("textbox", { name: "What is it for?" }).fill("CI of shop");
  await page.getByRole("button", { name: "Create" }).click();
  const token = await page.getByRole("dialog").locator("code").innerText();
  expect(token).toMatch(/^pst_/);
  expect(await violations(page)).toEqual([]);
  const answer = await fetch(`${inject("url")}/api/v1/auth/me`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(answer.status).toBe(200);
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByText("CI of shop").waitFor();
  expect(await page.content()).not.toContain(token);
  await page.getByRole("button", { name: "Revoke CI of shop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("heading", { name: "No tokens" }).waitFor();
});

test("tiers and members are edited; who may not, is told who can", async () => {
  const { page } = admin;
  await page.goto("/settings/tiers");
  await page.getByRole("button", { name: "Add tier" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Two owners");
  await page.getByRole("button", { name: "Add step" }).click();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Two owners").waitFor();

  const bo = await signIn(browser, OWNER);
  await bo.page.goto("/settings/tiers");
  await bo.page.getByText("An administrator can change approval tiers.").waitFor();
  await bo.page.goto("/settings/projects");
  await bo.page.getByRole("button", { name: "Members of Shop" }).click();
  const dialog = bo.page.getByRole("dialog", { name: "Members of Shop" });
  await dialog.getByRole("textbox", { name: "Add a member" }).fill("dora@example.com");
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.getByText("Dora", { exact: true }).waitFor();
  expect(await violations(bo.page)).toEqual([]);
  await bo.page.goto("/instances");
  await bo.page.getByRole("alert").getByText("Ask a project owner or a workspace administrator").waitFor();
  await bo.close();
});
