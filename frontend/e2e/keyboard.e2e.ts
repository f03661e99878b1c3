/** The keyboard alone: palette, shortcuts, lists, help; and that shortcuts stay out of text fields. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { api, launch, type Person, signIn, violations } from "./browser";
import { ADMIN, AUTHOR } from "./seed";

let browser: Browser;
let admin: Person;

beforeAll(async () => {
  browser = await launch();
  const ana = await api(AUTHOR);
  for (const title of ["Keyboard one", "Keyboard two"])
    await ana.post("/issues", {
      project: "shop",
      title,
      statement: "SELECT 1;",
      targets: { databases: [inject("databases").shop_staging_eu] },
    });
  admin = await signIn(browser, ADMIN);
});
afterAll(async () => {
  await admin.close();
  await browser.close();
});

const heading = (name: string) => admin.page.getByRole("heading", { level: 1, name });

test("two-key shortcuts go places", async () => {
  const { keyboard } = admin.page;
  for (const [key, name] of [
    ["i", "Issues"],
    ["d", "Databases"],
    ["n", "Instances"],
    ["s", "Environments"],
    ["h", "Inbox"],
  ] as const) {
    await keyboard.press("g");
    await keyboard.press(key);
    await heading(name).waitFor();
  }
});

test("the palette finds commands and issues", async () => {
  const { page } = admin;
  await page.keyboard.press("Control+k");
  const search = page.getByRole("textbox", { name: "Search issues or run a command" });
  await search.waitFor();
  expect(await violations(page)).toEqual([]);
  await search.fill("databases");
  await page.getByRole("button", { name: "Go to Databases" }).waitFor();
  await page.keyboard.press("Enter");
  await heading("Databases").waitFor();
  await page.keyboard.press("Control+k");
  await search.fill("Keyboard two");
  await page.getByRole("button", { name: /Keyboard two/ }).click();
  await heading("Keyboard two").waitFor();
});

test("lists are walked with j and k and opened with Enter", async () => {
  const { page } = admin;
  await page.goto("/issues?q=Keyboard");
  await page.getByRole("link", { name: "Keyboard two" }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("x");
  await page.locator("[data-active=true][data-marked=true]").getByText("Keyboard two").waitFor();
  await page.keyboard.press("Enter");
  await heading("Keyboard two").waitFor();
});

test("help lists the shortcuts; in a text field they are only letters", async () => {
  const { page } = admin;
  await page.goto("/issues");
  await heading("Issues").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).getByText("Go to Issues").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("/");
  await page.keyboard.type(" gic");
  expect(await page.getByRole("textbox", { name: "Filter issues" }).inputValue()).toContain("gic");
  expect(new URL(page.url()).pathname).toBe("/issues");
  expect(admin.problems).toEqual([]);
});

test("a new change waits behind a button instead of moving the list", async () => {
  const { page } = admin;
  await page.goto("/issues?q=Keyboard");
  await page.getByRole("link", { name: "Keyboard two" }).waitFor();
  const ana = await api(AUTHOR);
  await ana.post("/issues", {
    project: "shop",
    title: "Keyboard three",
    statement: "SELECT 1;",
    targets: { databases: [inject("databases").shop_staging_eu] },
  });
  await page.getByRole("button", { name: "1 new – show" }).click();
  await page.getByRole("link", { name: "Keyboard three" }).waitFor();
});
