/** A browser for the tests: people sign in, every page is watched for errors, accessibility is checked where a test asks. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { inject } from "vitest";
import { Api } from "./api";
import { PASSWORD } from "./seed";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export type Person = { page: Page; problems: string[]; close: () => Promise<void> };
export type Look = { scheme?: "light" | "dark"; width?: number; height?: number };

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}

/** A fresh browser profile. What the page logs as an error, and what it throws, is collected in `problems`. */
export async function visitor(
  browser: Browser,
  { scheme = "light", width = 1440, height = 1000 }: Look = {},
): Promise<Person> {
  const context = await browser.newContext({
    baseURL: inject("url"),
    colorScheme: scheme,
    reducedMotion: "reduce",
    viewport: { width, height },
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
  return { page, problems, close: () => context.close() };
}

/** Signs in through the form, and so also tests it. */
export async function signIn(browser: Browser, email: string, look: Look = {}): Promise<Person> {
  const person = await visitor(browser, look);
  const { page } = person;
  await page.goto("/login");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();
  return person;
}

export const api = (email: string) => Api.signIn(inject("url"), email, PASSWORD);

/** What axe finds on the page as it stands, in words; empty is what every test wants. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async (rules) => {
    type Found = { id: string; help: string; nodes: { target: string[] }[] };
    const { axe } = globalThis as unknown as {
      axe: { run: (root: Document, options: object) => Promise<{ violations: Found[] }> };
    };
    const { violations } = await axe.run(document, { runOnly: rules });
    return violations.map((v) => `${v.id}: ${v.help} (${v.nodes.map((n) => n.target.join(" ")).join(", ")})`);
  }, RULES);
}

/** Nothing on the page is wider than the window. */
export const overflow = (page: Page) =>
  page.evaluate(async () => {
    await document.fonts.ready; // words are as wide as they will be
    return Math.max(0, document.documentElement.scrollWidth - window.innerWidth);
  });
