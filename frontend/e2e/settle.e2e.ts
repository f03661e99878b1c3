/** A database goes away in the midst of a change and does not come back: a person says what became of it. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { inject } from "vitest";
import { until } from "./api";
import { api, launch, type Person, signIn, violations } from "./browser";
import { end, start } from "./installation";
import { ADMIN, AUTHOR } from "./seed";

let browser: Browser;
let ana: Person;
let cable: Cable;
let database: number;

/** What stands between Penstock and a database server, until it is cut. */
class Cable {
  private readonly sockets = new Set<Socket>();
  private constructor(private readonly server: Server) {}

  static async to(host: string, port: number): Promise<Cable> {
    const server = createServer((near) => {
      const far = connect(port, host);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        cable.sockets.add(one);
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => cable.sockets.delete(one));
      }
    });
    const cable = new Cable(server);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return cable;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("The cable is cut.");
    return address.port;
  }

  async cut(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

beforeAll(async () => {
  browser = await launch();
  ana = await signIn(browser, AUTHOR);
  const admin = await api(ADMIN);
  const target = new URL(inject("servers").postgres);
  cable = await Cable.to(target.hostname, Number(target.port));
  await admin.post("/projects", { slug: "attic", name: "Attic" });
  await admin.send("PUT", "/projects/attic/members", [{ principal: `user:${AUTHOR}`, role: "releaser" }]);
  await admin.post("/instances", {
    slug: "pg-attic",
    name: "Attic",
    engine: "postgres",
    environment: "dev",
    host: "127.0.0.1",
    port: cable.port,
    username: decodeURIComponent(target.username),
    password: decodeURIComponent(target.password),
    tls: "prefer",
  });
  await admin.post("/instances/pg-attic/sync");
  type Found = { items: { id: number; name: string }[] };
  const all = () => admin.get<Found>("/databases?instance=pg-attic&page_size=200");
  const { items } = await until(all, (page) => page.items.some((d) => d.name === "shop_dev"));
  database = items.find((d) => d.name === "shop_dev")?.id ?? 0;
  await admin.send("PATCH", `/databases/${database}`, { project: "attic" });
});
afterAll(async () => {
  await ana.close();
  await browser.close();
});

test("a change whose database is gone for good is settled without it", async () => {
  const { page } = ana;
  const author = await api(AUTHOR);
  const issue = await author.post<{ id: number; pipeline: { id: number } }>("/issues", {
    project: "attic",
    title: "Empty the attic",
    // As long as it may take, its runner asks what became of it, and for half a minute in any case.
    pipeline: {
      stages: [
        {
          name: "dev",
          environment: "dev",
          tasks: [{ instance: "pg-attic", database, statement: "SELECT pg_sleep(600);", timeout: 30 }],
        },
      ],
    },
  });
  await page.goto(`/issues/${issue.id}`);
  await page.locator("h3 [data-status=running]").waitFor();
  const tasks = () =>
    author.get<{ items: { id: number; status: string; failure: { code: string } | null }[] }>(
      `/pipelines/${issue.pipeline.id}/tasks`,
    );
  // It runs over there when somebody is seen at it.
  const [running] = (await tasks()).items;
  if (!running) throw new Error("There is no task.");
  await until(
    () => author.get<{ sessions: { state: string }[] }>(`/tasks/${running.id}/sessions`),
    (seen) => JSON.stringify(seen).includes("pg_sleep"),
  );
  await cable.cut();
  await until(tasks, ({ items }) => items[0]?.failure?.code === "target_unreachable", 90);

  // While it may come back, its next attempt finds out, and nobody has to say anything.
  await page.getByText(/^Tries again at/).waitFor();
  expect(await page.getByRole("button", { name: "Settle…" }).count()).toBe(0);

  const script = join(import.meta.dirname, "long_ago.py");
  await end((await start([script, inject("data"), String(running.id)], {}, /^done$/)).process);
  await page.reload();
  const known = page.getByRole("region", { name: "What is known" });
  await known.getByText("Nobody can tell whether this was applied").waitFor();
  await known.getByRole("button", { name: "Settle…" }).click();
  const dialog = page.getByRole("dialog", { name: "Settle shop_dev" });
  await dialog.getByRole("textbox", { name: "How do you know?" }).fill("The attic burnt down.");
  await dialog.getByRole("button", { name: "Settle", exact: true }).click();
  await dialog.getByRole("alert").getByText("Say which of the two it is.").waitFor();
  await dialog.getByRole("radio", { name: "Nothing of the change is there" }).check();
  await dialog.getByRole("button", { name: "Settle", exact: true }).click();
  await dialog
    .getByRole("alert")
    .getByText("Say that the database will not come back, or wait for it.")
    .waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog
    .getByRole("checkbox", { name: "The database cannot be reached and will not come back" })
    .check();
  await dialog.getByRole("radio", { name: "The change is there, all of it" }).check();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Settle without the database" }).click();
  await dialog.waitFor({ state: "detached" });

  await page.getByText(/Ana settled .* as applied without the database, which was gone/).waitFor();
  await page
    .getByText(/The attic burnt down\./)
    .first()
    .waitFor();
  await page.locator("header [data-status=done]").waitFor();
  expect(await known.count()).toBe(0);
  expect(await violations(page)).toEqual([]);
  expect(ana.problems).toEqual([]);
}, 180_000);
