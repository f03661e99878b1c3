/** Every page opens in both themes and at phone width, without errors, without accessibility violations, without overflow. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { api, launch, overflow, type Person, signIn, violations, visitor } from "./browser";
import { ADMIN, AUTHOR } from "./seed";

let browser: Browser;
let issue: number;
let graph: number;

beforeAll(async () => {
  browser = await launch();
  const ana = await api(AUTHOR);
  const filed = await ana.post<{ id: number }>("/issues", {
    project: "shop",
    title: "Add currency to orders",
    description: "Orders need a currency.",
    statement: "ALTER TABLE orders ADD COLUMN currency char(3);",
    targets: { databases: Object.values(inject("databases")) },
  });
  issue = filed.id;
  const tasks = (...databases: string[]) =>
    databases.map((database) => ({ instance: "pg-staging", database }));
  const both = ["shop_staging_eu", "shop_staging_us"];
  const drawn = await ana.post<{ id: number }>("/issues", {
    project: "shop",
    title: "Stages side by side",
    statement: "CREATE INDEX CONCURRENTLY orders_total ON orders (total);\nDROP VIEW big_orders;",
    pipeline: {
      stages: [
        { name: "first", environment: "staging", tasks: tasks("shop_staging_eu") },
        { name: "second", environment: "staging", tasks: tasks("shop_staging_us") },
        {
          name: "third",
          environment: "staging",
          needs: ["first", "second"],
          task_order: "parallel",
          batch: [1, "100%"],
          max_failures: 1,
          tasks: tasks(...both),
        },
      ],
    },
  });
  graph = drawn.id;
});
afterAll(() => browser.close());

const places = (): [path: string, heading: string][] => [
  ["/", "Inbox"],
  ["/issues", "Issues"],
  ["/issues/new", "New change"],
  [`/issues/${issue}`, "Add currency to orders"],
  [`/issues/${graph}?stage=third`, "Stages side by side"],
  ["/checks", "Checks"],
  ["/schedules", "Schedules"],
  ["/board", "Releases"],
  ["/databases", "Databases"],
  [`/databases/${inject("databases").shop_dev}`, "shop_dev"],
  ["/databases/groups", "Database groups"],
  ["/databases/drifts", "Drift"],
  ["/instances", "Instances"],
  ["/instances/maria-dev", "Stock dev"],
  ["/pipelines/1", "Pipeline #1"],
  ["/settings/environments", "Environments"],
  ["/settings/tiers", "Approval tiers"],
  ["/settings/freezes", "Freezes"],
  ["/settings/groups", "Groups"],
  ["/settings/projects", "Projects"],
  ["/settings/users", "Users"],
  ["/settings/service-accounts", "Service accounts"],
  ["/settings/plugins", "Plugins"],
  ["/settings/repositories", "Repositories"],
  ["/settings/tokens", "My tokens"],
  ["/audit", "Audit"],
  ["/nowhere", "Not found"],
];

const LOOKS = [
  { scheme: "light", width: 1440, height: 1000 },
  { scheme: "dark", width: 1440, height: 1000 },
  { scheme: "light", width: 390, height: 844 },
] as const;

describe.each(LOOKS)("$scheme at $width px", (look) => {
  let admin: Person;
  beforeAll(async () => {
    admin = await signIn(browser, ADMIN, look);
  });
  afterAll(() => admin.close());

  test("every page", async () => {
    for (const [path, heading] of places()) {
      await admin.page.goto(path);
      await admin.page.getByRole("heading", { level: 1, name: heading }).waitFor();
      await admin.page.waitForLoadState("load");
      await admin.page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
      expect({ path, found: await violations(admin.page) }).toEqual({ path, found: [] });
      // An editor that is still measuring its lines may be a pixel too wide for a moment.
      const width = async () => ({ path, wider: await overflow(admin.page) });
      await expect.poll(width, { timeout: 5000 }).toEqual({ path, wider: 0 });
    }
    expect(admin.problems).toEqual([]);
  }, 180_000); // twenty pages, each looked over by axe

  test("the sign-in page", async () => {
    const stranger = await visitor(browser, look);
    await stranger.page.goto("/login");
    await stranger.page.getByRole("heading", { level: 1, name: "Sign in to Penstock" }).waitFor();
    expect(await violations(stranger.page)).toEqual([]);
    await stranger.close();
  });
});

test("signing in goes back to the page that was asked for; a wrong password says so", async () => {
  const { page, close } = await visitor(browser);
  await page.goto(`/issues/${issue}?stage=prod`);
  await page.getByLabel("E-mail").fill(AUTHOR);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("do not belong together").waitFor();
  await page.getByLabel("Password", { exact: true }).fill("correct-horse-battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Add currency to orders" }).waitFor();
  expect(new URL(page.url()).searchParams.get("stage")).toBe("prod");
  await close();
});

test("signing out ends it, also for the next request", async () => {
  const { page, close } = await signIn(browser, AUTHOR);
  await page.getByRole("button", { name: "Account of Ana" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { level: 1, name: "Sign in to Penstock" }).waitFor();
  await page.goto("/issues");
  await page.getByRole("heading", { level: 1, name: "Sign in to Penstock" }).waitFor();
  await close();
});
