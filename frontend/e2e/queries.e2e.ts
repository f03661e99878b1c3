/** Verification in the browser: what was asked, what was found, what a later task was told, and a graph to walk by keys. */
import type { Browser } from "playwright-core";
import { api, launch, signIn, violations } from "./browser";
import { AUTHOR } from "./seed";

let browser: Browser;
let pipeline: number;
let issue: number;

const shop = { instance: "pg-dev", database: "shop_dev" };
const stock = { instance: "maria-dev", database: "stock_dev" };
const ask = (name: string, where: typeof shop, statement: string, more: object = {}) => ({
  ...where,
  type: "database.query",
  name,
  statement,
  ...more,
});

beforeAll(async () => {
  browser = await launch();
  const ana = await api(AUTHOR);
  const verified = await ana.post<{ id: number }>("/pipelines", {
    project: "shop",
    stages: [
      {
        name: "count",
        environment: "dev",
        tasks: [ask("tables", stock, "SELECT 3 AS n", { output: { tables: "n" } })],
      },
      {
        name: "doubles",
        environment: "dev",
        needs: ["count"],
        tasks: [
          ask("no doubles", shop, "SELECT id, 'twice' AS found FROM generate_series(1, 8) AS id", {
            expect: "no_rows",
          }),
        ],
      },
    ],
  });
  pipeline = verified.id;
  const drawn = await ana.post<{ id: number }>("/issues", {
    project: "shop",
    title: "Look before you leap",
    pipeline: {
      stages: [
        {
          name: "look",
          environment: "dev",
          tasks: [ask("rows", shop, "SELECT 0 AS n", { output: { rows: "n" }, expect: null })],
        },
        ...["left", "right"].map((name) => ({
          name,
          environment: "dev",
          needs: ["look"],
          tasks: [
            {
              ...(name === "left" ? shop : stock),
              name,
              statement: "SELECT 1",
              only_if: [{ output: "rows", op: name === "left" ? "eq" : "gt", value: 0 }],
            },
          ],
        })),
        {
          name: "end",
          environment: "dev",
          needs: ["left", "right"],
          tasks: [{ ...shop, name: "end", statement: "SELECT 2" }],
        },
      ],
    },
  });
  issue = drawn.id;
});
afterAll(() => browser.close());

describe.each(["light", "dark"] as const)("in the %s", (scheme) => {
  test("a verification shows its question, its answer, and what it was told", async () => {
    const { page, problems, close } = await signIn(browser, AUTHOR, { scheme });
    await page.goto(`/pipelines/${pipeline}?stage=doubles`);
    await page.getByRole("heading", { level: 1, name: `Pipeline #${pipeline}` }).waitFor();
    await page.getByText("The query was to find no row, and it found 8 rows.").last().waitFor();
    const rows = page.getByRole("region", { name: "Rows that were found" });
    await rows.waitFor();
    expect(await rows.getByRole("columnheader").allTextContents()).toEqual(["id", "found"]);
    expect(await rows.getByRole("row").count()).toBe(6);
    await rows.getByText("and 3 more").waitFor();
    await page.getByRole("region", { name: "Question" }).getByText("Not met").waitFor();
    await page.getByText("What it was told of the tasks before it").click();
    const told = page.getByRole("region", { name: "Outputs before it" });
    await told.getByText("tables").waitFor();
    expect(await violations(page)).toEqual([]);
    if (process.env.PENSTOCK_SHOTS)
      await page.screenshot({ path: `${process.env.PENSTOCK_SHOTS}/query-${scheme}.png`, fullPage: true });
    await close();
    expect(problems).toEqual([]);
  });

  test("a graph is walked by arrow keys, and says which way was taken and why", async () => {
    const { page, problems, close } = await signIn(browser, AUTHOR, { scheme });
    await page.goto(`/issues/${issue}?stage=look`);
    await page.getByRole("heading", { level: 1, name: "Look before you leap" }).waitFor();
    await page.locator("header [data-status=done]").waitFor();
    const rail = page.getByRole("navigation", { name: "Stages" });
    await rail.getByRole("button", { name: /^look / }).focus();
    for (const key of ["ArrowRight", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("heading", { name: "Tasks in right" }).waitFor();
    await page.getByText("Runs only if").getByText("rows is above 0").waitFor();
    await rail.locator('[data-stage="right"][aria-current="step"]').waitFor();
    expect(await page.locator("path[data-on]").count()).toBe(2); // from look, and to end
    expect(await violations(page)).toEqual([]);
    if (process.env.PENSTOCK_SHOTS)
      await page.screenshot({ path: `${process.env.PENSTOCK_SHOTS}/graph-${scheme}.png`, fullPage: true });
    await close();
    expect(problems).toEqual([]);
  });
});
