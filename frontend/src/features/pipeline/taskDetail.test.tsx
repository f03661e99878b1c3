import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { pipelines } from "@/api/endpoints";
import { ApiError } from "@/api/errors";
import { releaseQuery } from "@/api/queries";
import type { Failure, ReleaseOut, RunOut, TaskOut } from "@/api/types";
import { show, violations } from "@/test/render";
import { ana, task } from "@/test/samples";
import { Attempts } from "./Attempts";
import { GonePanel } from "./GonePanel";
import { TaskActions } from "./TaskActions";
import { TaskChanges } from "./TaskChanges";
import { UnknownPanel } from "./UnknownPanel";

const failure: Failure = {
  kind: "outcome_unknown",
  class: "error",
  code: "outcome_unknown",
  message: "The connection was lost while this ran.",
  statement_index: 1,
  line: 4,
  column: 1,
  hint: null,
  data: { before: "a int", expected: null, now: "b int", diff: ["-a int", "+b int"] },
};
const lost = (some: Partial<TaskOut> = {}) =>
  task({
    status: "failed",
    failure,
    changes: [{ version: "V7", name: "add b", state: "unknown", run: 2 }],
    ...some,
  });
const release = (statement: string): ReleaseOut => ({
  id: 3,
  project: "shop",
  digest: "sha256:3",
  commit: null,
  created_by: ana,
  created_at: "2026-11-21T10:00:00Z",
  changes: [
    {
      version: "V7",
      name: "add b",
      digest: "sha256:7",
      engine: "postgres",
      environments: null,
      statement,
      revert: null,
      verify: "SELECT true",
      bytes: statement.length,
      statements: 1,
      findings: [],
      steps: [],
    },
  ],
});
const run = (attempt: number, outcome: string | null): RunOut => ({
  id: 100 + attempt,
  task: 1,
  attempt,
  runner: "db-host:7",
  started_at: "2026-11-21T10:00:00Z",
  ended_at: outcome ? "2026-11-21T10:00:05Z" : null,
  outcome,
  last_seq: 1,
});

afterEach(() => vi.restoreAllMocks());

test("an unknown outcome shows where, what is known, and who can settle it", async () => {
  const { container } = show(<UnknownPanel task={lost()} failure={failure} />);
  expect(screen.getByRole("heading")).toHaveTextContent("Nobody can tell whether this was applied");
  expect(screen.getByText(/statement 2, line 4, column 1/)).toHaveTextContent("V7");
  expect(within(screen.getByRole("region", { name: "Difference" })).getByText("+b int")).toBeVisible();
  expect(screen.getByText("There now")).toBeInTheDocument();
  expect(screen.getByText(/A releaser of the project looks at the database/)).toBeInTheDocument();
  expect(screen.queryByRole("button", { name: "Settle…" })).toBeNull();
  expect(await violations(container)).toEqual([]);
});

test("settling asks which of the two it is, and how one knows", async () => {
  show(<UnknownPanel task={lost({ actions: ["settle"] })} failure={failure} />);
  await userEvent.click(screen.getByRole("button", { name: "Settle…" }));
  const dialog = within(await screen.findByRole("dialog"));
  await userEvent.click(dialog.getByRole("button", { name: "Settle" }));
  expect(dialog.getByText("Say which of the two it is.")).toBeVisible();
  expect(dialog.getByText("Say why, in a few words.")).toBeVisible();
  await userEvent.click(dialog.getByRole("radio", { name: /The change is there/ }));
  expect(dialog.queryByText("Say which of the two it is.")).toBeNull();
});

const refused = (code: string, more: object = {}) =>
  new ApiError({ title: "x", status: code === "target_may_return" ? 409 : 503, code, detail: "x", ...more });
const AWAY = { away_since: "2026-11-21T10:00:00Z", settle_from: "2026-11-21T10:10:00Z" };
const BOX = /cannot be reached and will not come back/;

/** Opens the dialog of a task, says that the change is there, gives a reason. */
async function settling(node = <UnknownPanel task={lost({ actions: ["settle"] })} failure={failure} />) {
  show(node);
  await userEvent.click(screen.getByRole("button", { name: "Settle…" }));
  const dialog = within(await screen.findByRole("dialog"));
  await userEvent.click(dialog.getByRole("radio", { name: /The change is there/ }));
  await userEvent.type(dialog.getByRole("textbox"), "Burnt.");
  return dialog;
}

test("a database that is gone is settled without it, once somebody says so", async () => {
  const send = vi.spyOn(pipelines, "settleTask");
  const dialog = await settling();
  expect(dialog.queryByRole("checkbox")).toBeNull();
  send.mockRejectedValueOnce(refused("target_unavailable", AWAY));
  await userEvent.click(dialog.getByRole("button", { name: "Settle" }));
  const said = await dialog.findByRole("alert");
  expect(said).toHaveTextContent("nothing can be written into it");
  expect(said).toHaveTextContent("If it will not come back, say so above. Nothing was settled.");

  await userEvent.click(dialog.getByRole("checkbox", { name: BOX }));
  expect(dialog.getByText(/nothing is written into it, now or later/)).toBeVisible();
  expect(dialog.getByText(/Penstock's records say that change V7 is applied/)).toBeVisible();
  send.mockRejectedValueOnce(refused("target_may_return", AWAY));
  await userEvent.click(dialog.getByRole("button", { name: "Settle without the database" }));
  await waitFor(() => expect(dialog.getByRole("alert")).toHaveTextContent("away only since"));
  expect(dialog.getByRole("alert")).toHaveTextContent(/From .*10:10.* on it may be taken for gone/);

  send.mockResolvedValueOnce(lost({ status: "succeeded" }));
  await userEvent.click(dialog.getByRole("button", { name: "Settle without the database" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(send.mock.calls).toEqual(
    [false, true, true].map((unreachable) => [1, { outcome: "applied", reason: "Burnt.", unreachable }]),
  );
});

test("a database that answers, but has no time, is not offered as gone", async () => {
  vi.spyOn(pipelines, "settleTask").mockRejectedValueOnce(refused("target_unavailable"));
  const dialog = await settling();
  await userEvent.click(dialog.getByRole("button", { name: "Settle" }));
  await dialog.findByRole("alert");
  expect(dialog.queryByRole("checkbox")).toBeNull();
});

test("a lost attempt is settled only when its database is said to be gone", async () => {
  const send = vi.spyOn(pipelines, "settleTask");
  const away: Failure = { ...failure, kind: "infrastructure", code: "target_unreachable", message: "Away." };
  const dialog = await settling(
    <GonePanel task={task({ status: "ready", failure: away, actions: ["settle"] })} />,
  );
  await userEvent.click(dialog.getByRole("button", { name: "Settle" }));
  expect(dialog.getByText("Say that the database will not come back, or wait for it.")).toBeVisible();
  expect(send).not.toHaveBeenCalled();
  await userEvent.click(dialog.getByRole("checkbox", { name: BOX }));
  send.mockResolvedValueOnce(task({ status: "succeeded" }));
  await userEvent.click(dialog.getByRole("button", { name: "Settle without the database" }));
  await waitFor(() => expect(send).toHaveBeenCalledOnce());
});

test("one database gets SQL of its own where the server allows it", async () => {
  const send = vi.spyOn(pipelines, "patchTask");
  const { client } = show(<TaskActions task={task({ status: "failed", actions: ["edit"] })} />);
  client.setQueryData(releaseQuery(3).queryKey, release("ALTER TABLE t ADD b int"));
  await userEvent.click(screen.getByRole("button", { name: "Edit SQL for this database…" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit the SQL for shop_1 alone" }));
  expect(dialog.getByText(/Approvals of dev given so far become stale/)).toBeVisible();
  send.mockRejectedValueOnce(refused("already_applied", { detail: "It has started." }));
  await userEvent.click(await dialog.findByRole("button", { name: "Save for shop_1" }));
  expect(await dialog.findByRole("alert")).toHaveTextContent("It has started.");
  send.mockResolvedValueOnce(task({ release: 4 }));
  await userEvent.click(dialog.getByRole("button", { name: "Save for shop_1" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(send).toHaveBeenLastCalledWith(1, {
    changes: [expect.objectContaining({ version: "V7", verify: "SELECT true" })],
  });
});

test("without the permission, or once it runs, no SQL is offered to be edited", () => {
  show(<TaskActions task={task({ status: "running", actions: ["cancel"] })} />);
  expect(screen.queryByRole("button", { name: /Edit SQL/ })).toBeNull();
});

test("attempts stand newest first, fold when there are many, and lead to their logs", async () => {
  const onSelect = vi.fn();
  const runs = [1, 2, 3, 4, 5, 6].map((n) => run(n, n === 6 ? null : "interrupted"));
  const { container } = show(<Attempts runs={runs} selected={106} onSelect={onSelect} />);
  const list = screen.getByRole("list", { name: "Attempts" });
  expect(within(list).getAllByRole("listitem")).toHaveLength(4);
  expect(within(list).getByRole("button", { current: true })).toHaveTextContent("Attempt 6");
  await userEvent.click(screen.getByRole("button", { name: "Show all 6 attempts" }));
  await userEvent.click(within(list).getByRole("button", { name: /Attempt 1/ }));
  expect(onSelect).toHaveBeenCalledWith(101);
  expect(await violations(container)).toEqual([]);
});

test("the states of changes are shown where they say more than the task", () => {
  const change = (version: string, state: "applied" | "already_applied" | "not_run") => ({
    version,
    name: "",
    state,
    run: null,
  });
  const { rerender } = show(<TaskChanges changes={[change("1", "applied")]} />);
  expect(screen.queryByRole("list")).toBeNull();
  rerender(<TaskChanges changes={[change("1", "already_applied")]} />);
  expect(screen.getByText("Was applied before")).toBeInTheDocument();
  rerender(<TaskChanges changes={[change("1", "applied"), change("2", "not_run")]} />);
  expect(screen.getByText("Not run")).toBeInTheDocument();
});
