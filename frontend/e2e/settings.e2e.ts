/** Configuration through the browser: servers are tested before they are saved, secrets are shown once or never. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { api, launch, type Person, signIn, violations } from "./browser";
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
  const target = new URL(inject("servers").postgres);
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

test("a MariaDB is added with its own port, and what it is not is said", async () => {
  const { page } = admin;
  const target = new URL(inject("servers").mariadb);
  await page.goto("/instances");
  await page.getByRole("button", { name: "Add instance" }).click();
  const dialog = page.getByRole("dialog", { name: "Add instance" });
  const engine = async (name: string) => {
    await dialog.getByRole("combobox", { name: "Engine" }).click();
    await page.getByRole("option", { name }).click();
  };
  await engine("MySQL (experimental)");
  await dialog.getByText("Penstock's tests have not run on servers of this kind.").waitFor();
  expect(await dialog.getByRole("textbox", { name: "Port" }).inputValue()).toBe("3306");
  expect(await violations(page)).toEqual([]);
  await engine("MariaDB");
  await dialog.getByRole("textbox", { name: "Name", exact: true }).fill("Stock extra");
  await dialog.getByRole("combobox", { name: "Environment" }).click();
  await page.getByRole("option", { name: "Development" }).click();
  await dialog.getByRole("textbox", { name: "Host" }).fill(target.hostname);
  await dialog.getByRole("textbox", { name: "Port" }).fill(target.port);
  await dialog.getByRole("textbox", { name: "User name" }).fill(target.username);
  await dialog.getByRole("button", { name: "Test connection" }).click();
  await dialog.getByText(/^Connected to/).waitFor();
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await heading(admin, "Stock extra").waitFor();
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

test("a project owner adds a repository, and the secret of its webhook is shown once", async () => {
  const bo = await signIn(browser, OWNER);
  const { page } = bo;
  const boss = await api(ADMIN);
  const machine = await boss.post<{ id: number }>("/service-accounts", { name: "Repository robot" });
  await boss.post("/service-accounts", { name: "Robot of others" });
  const path = "/projects/shop/members";
  const members = await boss.get<{ principal: string; role: string }[]>(path);
  const kept = members.map(({ principal, role }) => ({ principal, role }));
  await boss.send("PUT", path, [...kept, { principal: `service:${machine.id}`, role: "developer" }]);

  await page.goto("/settings/repositories");
  await page.getByText("No repository is watched yet").waitFor();
  await page.getByRole("button", { name: "Add repository" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add repository" });
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByText("Who files the issues?").waitFor();
  const choose = async (label: string, option: string) => {
    await dialog.getByRole("combobox", { name: label }).click();
    await page.getByRole("option", { name: option, exact: true }).click();
  };
  await dialog.getByRole("textbox", { name: "Slug" }).fill("shop");
  await choose("Project", "Shop");
  await dialog.getByRole("textbox", { name: "Repository", exact: true }).fill("acme/shop");
  await choose("A merge goes to", "Development");
  await dialog.getByRole("combobox", { name: "Issues are filed by" }).click();
  const robot = page.getByRole("option", { name: "Repository robot" });
  await robot.waitFor();
  expect(await page.getByRole("option", { name: "Robot of others" }).count()).toBe(0);
  await robot.click();
  await dialog.getByLabel("Token", { exact: true }).fill("only-in-never-out");
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  const shown = page.getByRole("dialog", { name: "Copy the webhook's secret now" });
  await shown.getByText(/api\/v1\/webhooks\/git\/shop/).waitFor();
  expect(await violations(page)).toEqual([]);
  await shown.getByRole("button", { name: "I have stored it" }).click();
  await page.getByText("a merge goes to dev").waitFor();
  await page.getByRole("button", { name: "Pull requests of acme/shop" }).click();
  await page
    .getByRole("dialog", { name: "Pull requests of acme/shop" })
    .getByText("No pull requests yet")
    .waitFor();
  expect(bo.problems).toEqual([]);
  await bo.close();
});
