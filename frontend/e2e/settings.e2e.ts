/** Configuration through the browser: servers are tested before they are saved, secrets are shown once or never. */
import { createHmac } from "node:crypto";
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

/** How the server answers a webhook of GitLab's that proves with these headers who it is from. */
async function hooked(slug: string, body: string, proof: Record<string, string>): Promise<number> {
  const answer = await fetch(`${inject("url")}/api/v1/webhooks/git/${slug}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Gitlab-Event": "Push Hook", ...proof },
    body,
  });
  return answer.status;
}

/** What GitLab sends along when it signs, by the Standard Webhooks specification. */
function signed(token: string, body: string): Record<string, string> {
  const [id, at] = [crypto.randomUUID(), String(Math.floor(Date.now() / 1_000))];
  const key = Buffer.from(token.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": `v1,${signature}` };
}

const signingToken = (letter: string) => `whsec_${Buffer.from(letter.repeat(32)).toString("base64")}`;

test("GitLab signs from the start or from some day on, and a new secret is the way back", async () => {
  const bo = await signIn(browser, OWNER);
  const { page } = bo;
  const boss = await api(ADMIN);
  const machine = await boss.post<{ id: number }>("/service-accounts", { name: "GitLab robot" });
  const path = "/projects/shop/members";
  const members = await boss.get<{ principal: string; role: string }[]>(path);
  const kept = members.map(({ principal, role }) => ({ principal, role }));
  await boss.send("PUT", path, [...kept, { principal: `service:${machine.id}`, role: "developer" }]);
  const [first, second] = [signingToken("a"), signingToken("b")];

  await page.goto("/settings/repositories");
  await page.getByRole("button", { name: "Add repository" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add repository" });
  const choose = async (label: string, option: string) => {
    await dialog.getByRole("combobox", { name: label }).click();
    await page.getByRole("option", { name: option, exact: true }).click();
  };
  await dialog.getByRole("textbox", { name: "Slug" }).fill("stock");
  await choose("Project", "Shop");
  const field = dialog.getByLabel("Signing token", { exact: true });
  expect(await field.count()).toBe(0); // GitHub has none
  await choose("System", "GitLab");
  await dialog.getByText(/add a webhook for merge requests at .*\/api\/v1\/webhooks\/git\/stock/).waitFor();
  await dialog.getByRole("textbox", { name: "Repository", exact: true }).fill("acme/stock");
  await choose("Issues are filed by", "GitLab robot");
  await dialog.getByLabel("Token", { exact: true }).fill("only-in-never-out");
  await field.fill("of-my-own");
  const add = dialog.getByRole("button", { name: "Add", exact: true });
  await add.click();
  await dialog.getByText("GitLab's begin with whsec_.").waitFor();
  await field.fill("whsec_short");
  await add.click();
  await dialog.getByText("A signing token is whsec_ and base64").first().waitFor(); // the server knows better
  expect(await violations(page)).toEqual([]);
  await field.fill(first);
  await add.click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText(/acme\/stock is added\. Its signed webhooks go to .*\/webhooks\/git\/stock/).waitFor();
  expect(await page.content()).not.toContain(first);
  expect(await hooked("stock", "{}", signed(first, "{}"))).toBe(202);
  expect(await hooked("stock", "{}", signed(second, "{}"))).toBe(403);

  const webhook = page.getByRole("button", { name: "Webhook of acme/stock" });
  const about = page.getByRole("dialog", { name: "Webhook of acme/stock" });
  await webhook.click();
  await about.getByRole("button", { name: "Replace with this token" }).click();
  await about.getByText("GitLab's begin with whsec_.").waitFor();
  expect(await violations(page)).toEqual([]);
  await about.getByLabel("Signing token", { exact: true }).fill(second);
  await about.getByRole("button", { name: "Replace with this token" }).click();
  await about.waitFor({ state: "detached" });
  await page.getByText("Only webhooks of acme/stock that are signed with this token count now.").waitFor();
  expect(await hooked("stock", "{}", signed(first, "{}"))).toBe(403);
  expect(await hooked("stock", "{}", signed(second, "{}"))).toBe(202);

  await webhook.click();
  expect(await about.getByLabel("Signing token", { exact: true }).inputValue()).toBe("");
  await about.getByRole("button", { name: "Make a new secret" }).click();
  const shown = page.getByRole("dialog", { name: "Copy the webhook's secret now" });
  await shown.getByText(/as its secret token\./).waitFor();
  const secret = await shown.locator("code").innerText();
  expect(await violations(page)).toEqual([]);
  await shown.getByRole("button", { name: "I have stored it" }).click();
  await shown.waitFor({ state: "detached" });
  expect(await hooked("stock", "{}", signed(second, "{}"))).toBe(403);
  expect(await hooked("stock", "{}", { "X-Gitlab-Token": secret })).toBe(202);

  await page.getByRole("button", { name: "Webhook of acme/shop" }).click();
  const github = page.getByRole("dialog", { name: "Webhook of acme/shop" });
  await github.getByRole("button", { name: "Make a new secret" }).waitFor();
  expect(await github.getByLabel("Signing token", { exact: true }).count()).toBe(0);
  await page.keyboard.press("Escape");
  // The browser tells of every refusal: the server's word on the short token.
  expect(bo.problems.filter((each) => !each.includes("422"))).toEqual([]);
  await bo.close();
});
