/** Stages of one's own: four of them, two side by side, on PostgreSQL and MariaDB at once, watched in a browser that never reloads. */
import type { Browser } from "playwright-core";
import { api, launch, type Person, signIn, violations } from "./browser";
import { AUTHOR } from "./seed";

let browser: Browser;
let ana: Person;

beforeAll(async () => {
  browser = await launch();
  ana = await signIn(browser, AUTHOR);
});
afterAll(async () => {
  await ana.close();
  await browser.close();
});

test("four stages on both engines: two run at once, the last waits for both", async () => {
  const author = await api(AUTHOR);
  const shop = { instance: "pg-dev", database: "shop_dev" };
  const stock = { instance: "maria-dev", database: "stock_dev" };
  const issue = await author.post<{ id: number }>("/issues", {
    project: "shop",
    title: "Archive old orders",
    statement: "CREATE TABLE archive (id bigint PRIMARY KEY, moved_at timestamp NOT NULL);",
    pipeline: {
      stages: [
        { name: "structure", environment: "dev", task_order: "parallel", tasks: [shop, stock] },
        {
          name: "shop rows",
          environment: "dev",
          needs: ["structure"],
          tasks: [{ ...shop, statement: "SELECT pg_sleep(5);\nINSERT INTO archive VALUES (1, now());" }],
        },
        {
          name: "stock rows",
          environment: "dev",
          needs: ["structure"],
          tasks: [
            {
              ...stock,
              statement:
                "INSERT INTO archive SELECT id, now() FROM orders WHERE SLEEP(2.5) = 0;\nANALYZE TABLE archive;",
            },
          ],
        },
        {
          name: "clean up",
          environment: "dev",
          needs: ["shop rows", "stock rows"],
          tasks: [{ ...stock, statement: "DELETE FROM orders WHERE id IN (SELECT id FROM archive);" }],
        },
      ],
    },
  });

  const { page } = ana;
  await page.goto(`/issues/${issue.id}`);
  await page.getByRole("heading", { level: 1, name: "Archive old orders" }).waitFor();
  const rail = page.getByRole("navigation", { name: "Stages" });
  const stage = (name: string) => rail.getByRole("button", { name: new RegExp(`^${name} `) });
  await stage("structure").getByText("At once").waitFor();
  await stage("clean up").getByText("After shop rows, stock rows").waitFor();

  // Both middle stages run at the same time, and the last one has not begun.
  await page.waitForFunction(
    () => document.querySelectorAll("nav[aria-label=Stages] [data-status=running]").length === 2,
  );
  await stage("structure").getByText("Succeeded").waitFor();
  await stage("shop rows").getByText("Running", { exact: true }).waitFor();
  await stage("stock rows").getByText("Running", { exact: true }).waitFor();
  await stage("clean up").getByText("Waiting", { exact: true }).waitFor();
  expect(await violations(page)).toEqual([]);

  // The SQL shown is that of the task: where it is cut, the cut is marked.
  await stage("stock rows").click();
  await page.getByRole("heading", { name: "SQL of stock_dev in stock rows" }).waitFor();

  await stage("clean up").getByText("Succeeded").waitFor();
  for (const name of ["shop rows", "stock rows"]) await stage(name).getByText("Succeeded").waitFor();
  await page.locator("header [data-status=done]").waitFor();
  expect(ana.problems).toEqual([]);
});
