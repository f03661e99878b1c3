/** Signing in a command line: it shows a code, a person allows it in the browser, it gets a token. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { launch, overflow, violations, visitor } from "./browser";
import { ADMIN, PASSWORD } from "./seed";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function send(path: string, body: object) {
  const answer = await fetch(`${inject("url")}/api/v1${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

test("somebody signs in on the way, allows a command line, and it gets a token", async () => {
  const { body: started } = await send("/auth/device", { name: "CLI on laptop" });
  const { page, problems, close } = await visitor(browser);
  await page.goto(`/device?code=${started.user_code}`);
  await page.getByLabel("E-mail").fill(ADMIN);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("CLI on laptop").waitFor();
  await page.getByText(String(started.user_code)).waitFor();
  expect(await violations(page)).toEqual([]);
  expect(await overflow(page)).toBe(0);
  await page.getByRole("button", { name: "Allow" }).press("Enter");
  await page.getByRole("status").getByText("Allowed.").waitFor();
  expect(await violations(page)).toEqual([]);
  const fetched = await send("/auth/device/token", { device_code: started.device_code });
  expect(fetched.status).toBe(200);
  const me = await fetch(`${inject("url")}/api/v1/auth/me`, {
    headers: { Authorization: `Bearer ${fetched.body.token}` },
  });
  expect(((await me.json()) as { email: string }).email).toBe(ADMIN);

  // The keyboard alone: the code is typed, and denied.
  const { body: other } = await send("/auth/device", { name: "CLI on somebody's machine" });
  await page.goto("/device");
  await page.getByRole("textbox", { name: "Code" }).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.type("hello");
  await page.keyboard.press("Enter");
  await page.getByText("A code has eight letters, without vowels.").waitFor();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(String(other.user_code).replace("-", "").toLowerCase());
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Deny" }).press("Enter");
  await page.getByRole("status").getByText("Denied.").waitFor();
  const refused = await send("/auth/device/token", { device_code: other.device_code });
  expect([refused.status, refused.body.code]).toEqual([400, "access_denied"]);
  // Asking who one is, before the sign-in, is the one request that may be refused.
  expect(problems.filter((problem) => !problem.includes("401"))).toEqual([]);
  await close();
});
