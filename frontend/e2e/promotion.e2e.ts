/** A release goes from dev to staging on the board, is seen on its way, arrives, and is taken back in an issue of its own. */
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { until } from "./api";
import { api, launch, type Person, signIn, violations } from "./browser";
import { ADMIN, AUTHOR, OWNER } from "./seed";

type Issue = {
  id: number;
  release: number;
  pipeline: { result: string; stages: { name: string; digest: string }[] };
};

let browser: Browser;
let ana: Person;
let release: number;
let issue: Issue;

const heading = (person: Person, name: string | RegExp) =>
  person.page.getByRole("heading", { level: 1, name });
const done = async (id: number) => {
  const author = await api(AUTHOR);
  return until(
    () => author.get<Issue>(`/issues/${id}`),
    (i) => i.pipeline.result === "succeeded",
  );
};

beforeAll(async () => {
  browser = await launch();
  const author = await api(AUTHOR);
  const filed = await author.post<Issue>("/issues", {
    project: "shop",
    title: "Vouchers",
    release: {
      changes: [
        {
          version: "voucher.1",
          name: "vouchers",
          statement: "CREATE TABLE vouchers (id bigint PRIMARY KEY, code text NOT NULL);",
          verify: "SELECT count(*) = 0 FROM vouchers",
          revert: "DROP TABLE vouchers;",
        },
        {
          version: "voucher.2",
          name: "voucher_codes",
          statement: "CREATE INDEX vouchers_code ON vouchers (code);",
          revert: "DROP INDEX vouchers_code;",
        },
      ],
    },
    targets: { databases: [inject("databases").shop_dev] },
  });
  await done(filed.id);
  release = filed.release;
  ana = await signIn(browser, AUTHOR);
});
afterAll(async () => {
  await ana.close();
  await browser.close();
});

test("the board says what could go on, and the dialog exactly what would run", async () => {
  const { page } = ana;
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await heading(ana, "Releases").waitFor();
  const dev = page.getByRole("region", { name: "Development" });
  const staging = page.getByRole("region", { name: "Staging" });
  await dev.getByRole("listitem").filter({ hasText: "shop_dev" }).getByText(`release #${release}`).waitFor();
  await staging.getByRole("listitem").filter({ hasText: "shop_staging_eu" }).getByText("behind").waitFor();
  expect(await violations(page)).toEqual([]);

  await dev.getByRole("button", { name: `Promote to Staging (release #${release})` }).press("Enter");
  const dialog = page.getByRole("dialog", {
    name: `Promote release #${release} from Development to Staging`,
  });
  await dialog.getByText("2 changes would run on 2 databases.").waitFor();
  const us = dialog.getByRole("checkbox", { name: /^pg-staging\/shop_staging_us/ });
  await us.uncheck();
  await dialog.getByText("2 changes would run on 1 database.").waitFor();
  await dialog.getByRole("heading", { name: "1 of 2 databases" }).waitFor();
  await dialog.getByRole("checkbox", { name: /^pg-staging\/shop_staging_eu/ }).uncheck();
  await dialog.getByText("Choose at least one database.").waitFor();
  await dialog.getByRole("button", { name: "Choose all" }).click();
  await dialog.getByText("2 changes would run on 2 databases.").waitFor();
  await dialog.getByText("project owner or DBA").waitFor();
  await dialog.getByText("voucher.1").click();
  await dialog.getByText("CREATE TABLE vouchers").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Promote to Staging" }).click();

  await heading(ana, new RegExp(`Promote release ${release}`)).waitFor();
  await page.getByText("SQL of vouchers").or(page.getByText("CREATE TABLE vouchers")).first().waitFor();
  await page.getByText("Must hold after it, before it commits").click();
  await page.getByText("SELECT count(*) = 0 FROM vouchers").waitFor();
  const id = Number(new URL(page.url()).pathname.split("/").pop());
  issue = await (await api(AUTHOR)).get<Issue>(`/issues/${id}`);
  expect(issue.release).toBe(release);
  expect(ana.problems).toEqual([]);
});

test("a release on its way is not promoted again, and the button says why", async () => {
  const { page } = ana;
  const author = await api(AUTHOR);
  await page.goto("/board");
  const dev = page.getByRole("region", { name: "Development" });
  await dev.getByRole("link", { name: `On its way in issue #${issue.id}` }).waitFor();

  // Somebody opens the dialog while nothing is planned, and somebody else is quicker.
  await author.post(`/issues/${issue.id}/cancel`);
  await dev.getByRole("button", { name: `Promote to Staging (release #${release})` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("It may be promoted.").waitFor();
  await author.post(`/issues/${issue.id}/reopen`);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await dev.getByRole("link", { name: `On its way in issue #${issue.id}` }).waitFor();
});

test("it arrives: the database tells where it came from", async () => {
  const { page } = ana;
  const owner = await api(OWNER);
  const [stage] = issue.pipeline.stages;
  await owner.post(`/issues/${issue.id}/approvals`, {
    stages: ["staging"],
    digest: { staging: stage?.digest ?? "" },
    decision: "approve",
    comment: "",
  });
  await done(issue.id);
  await page.goto(`/databases/${inject("databases").shop_staging_eu}`);
  const releases = page.getByRole("region", { name: "Releases" });
  await releases.getByRole("link", { name: "promoted from shop_dev" }).waitFor();
  await releases.getByText("current").waitFor();
  expect(await violations(page)).toEqual([]);
  await releases.getByRole("link", { name: "Board" }).click();
  await page
    .getByRole("region", { name: "Staging" })
    .getByRole("button", { name: `Promote to Production (release #${release})` })
    .waitFor();
});

test("an issue is taken back by an issue of its own", async () => {
  const { page } = ana;
  await page.goto(`/issues/${issue.id}`);
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Create revert issue…" }).click();
  const dialog = page.getByRole("dialog", { name: `Take back issue #${issue.id}` });
  await dialog.getByText("last change first").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Create revert issue" }).click();
  await heading(ana, `Take back issue ${issue.id}`).waitFor();
  await page.getByText("DROP INDEX vouchers_code").waitFor();
  await page.getByRole("link", { name: `#${issue.id}`, exact: true }).waitFor();
  expect(ana.problems).toEqual([]);
});

test("a project without databases is told what to do", async () => {
  const admin = await signIn(browser, ADMIN, { scheme: "dark" });
  await (await api(ADMIN)).post("/projects", { slug: "bare", name: "Bare" });
  await admin.page.goto("/board?project=bare");
  await admin.page.getByRole("heading", { name: "This project has no databases yet" }).waitFor();
  expect(await violations(admin.page)).toEqual([]);
  await admin.close();
});
