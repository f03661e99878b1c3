/** The event stream of a browser: one for all its tabs, taken over when a tab closes, and missed when it is gone. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { until } from "./api";
import { api, launch, type Person, signIn } from "./browser";
import { AUTHOR } from "./seed";

const STREAM = "**/api/v1/events/stream*";
let browser: Browser;
let ana: Person;
let issue: number;

beforeAll(async () => {
  browser = await launch();
  const author = await api(AUTHOR);
  const filed = await author.post<{ id: number }>("/issues", {
    project: "shop",
    title: "Watched by many",
    statement: "SELECT 1;",
    targets: { databases: [inject("databases").shop_staging_eu] },
  });
  issue = filed.id;
  ana = await signIn(browser, AUTHOR);
});
afterAll(async () => {
  await ana.close();
  await browser.close();
});

const say = async (body: string) => (await api(AUTHOR)).post(`/issues/${issue}/comments`, { body });

test("tabs share one stream; the next tab takes over where the first stopped", async () => {
  const context = ana.page.context();
  await ana.page.goto("about:blank"); // first: the page that she signed in on may be about to open one
  let streams = 0;
  context.on("request", (request) => {
    if (request.url().includes("/events/stream")) streams += 1;
  });
  const first = await context.newPage();
  await first.goto(`/issues/${issue}`);
  await first.getByRole("heading", { level: 1, name: "Watched by many" }).waitFor();
  await until(
    async () => streams,
    (n) => n === 1,
  );
  const second = await context.newPage();
  await second.goto(`/issues/${issue}`);
  await second.getByRole("heading", { level: 1, name: "Watched by many" }).waitFor();
  await say("Heard in both tabs");
  await first.getByText("Heard in both tabs").waitFor();
  await second.getByText("Heard in both tabs").waitFor();
  expect(streams).toBe(1);
  await first.close();
  await until(
    async () => streams,
    (n) => n === 2,
  );
  await say("Heard after the first tab closed");
  await second.getByText("Heard after the first tab closed").waitFor();
  await second.close();
});

test("a stream that breaks is shown, comes back, and what was missed appears", async () => {
  const { page } = ana;
  await page.route(STREAM, (route) => route.abort());
  await page.goto(`/issues/${issue}`);
  await page.getByRole("heading", { level: 1, name: "Watched by many" }).waitFor();
  await page.getByText("Reconnecting…").waitFor();
  await say("Said while nobody listened");
  await page.unroute(STREAM);
  await page.getByText("Reconnecting…").waitFor({ state: "detached" });
  await page.getByText("Said while nobody listened").waitFor();
});

test("signing out in one tab leads the other to the sign-in", async () => {
  const context = ana.page.context();
  await ana.page.goto(`/issues/${issue}`);
  await ana.page.getByRole("heading", { level: 1, name: "Watched by many" }).waitFor();
  const other = await context.newPage();
  await other.goto("/issues");
  await other.getByRole("button", { name: "Account of Ana" }).click();
  await other.getByRole("menuitem", { name: "Sign out" }).click();
  await other.getByRole("heading", { level: 1, name: "Sign in to Penstock" }).waitFor();
  await ana.page.getByRole("textbox", { name: "Comment" }).fill("Too late");
  await ana.page.getByRole("button", { name: "Comment", exact: true }).click();
  await ana.page.getByRole("heading", { level: 1, name: "Sign in to Penstock" }).waitFor();
});
