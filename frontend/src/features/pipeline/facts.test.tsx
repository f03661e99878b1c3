import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { Failure, TaskOut } from "@/api/types";
import { show, violations } from "@/test/render";
import { task } from "@/test/samples";
import { FailureBox } from "./FailureBox";
import { conditionText, creationText, expectation } from "./facts";
import { TaskFacts } from "./TaskFacts";
import { answerRows, taskPlace, taskTitle } from "./taskTitle";

const refused: Failure = {
  kind: "check",
  class: "failed",
  code: "unexpected_rows",
  message: "The query was to find no row, and it found 7 rows.",
  statement_index: null,
  line: null,
  column: null,
  hint: null,
  data: {
    columns: ["id", "id"],
    rows: [
      [1, null],
      ["one", true],
    ],
    found: 7,
    more: false,
  },
};
const asked = (some: Partial<TaskOut> = {}) =>
  task({
    name: "no doubles",
    type: "database.query",
    status: "succeeded",
    query: { statement: "SELECT id FROM orders", expect: "no_rows", output: null },
    ...some,
  });

test.each([
  ["pg/shop_1", "shop_1", "shop_1", "pg"],
  ["no doubles", "shop_1", "no doubles", "pg / shop_1"],
  ["pg", null, "pg", "schema.sync"],
])("%s on %s is called %s, at %s", (name, database, title, place) => {
  const some = { name, database, instance: "pg", type: database ? "database.query" : "schema.sync" };
  expect([taskTitle(some), taskPlace(some)]).toEqual([title, place]);
});

test.each([
  ["pg/shop_eu", "New database shop_eu"],
  ["room for Europe", "room for Europe"],
])("a task %s that makes a database is called %s", async (name, title) => {
  const creates = { database: "shop_eu", owner: "shop", encoding: "UTF8" };
  const some = task({ name, database: null, instance: "pg", type: "database.create", creates });
  expect([taskTitle(some), taskPlace(some)]).toEqual([title, "pg"]);
  show(<TaskFacts task={some} />);
  expect(await screen.findByText("shop_eu, owned by shop, encoded in UTF8")).toBeVisible();
  expect(creationText({ ...creates, owner: null, encoding: null })).toBe("shop_eu");
});

test.each([
  [{ output: "k", op: "eq", value: 1 } as const, "k is 1"],
  [{ output: "k", op: "eq", value: "1" } as const, 'k is "1"'],
  [{ output: "old", op: "ge", value: 0.5 } as const, "old is at least 0.5"],
  [{ output: "gone", op: "ne", value: null } as const, "gone is not null"],
])("%j reads %s", (condition, text) => {
  expect(conditionText(condition)).toBe(text);
});

test.each([
  [asked(), "met"],
  [asked({ status: "failed", failure: refused }), "not met"],
  [asked({ status: "failed", failure: { ...refused, code: "42P01" } }), "open"],
  [asked({ status: "waiting" }), "open"],
])("an expectation is met, not met, or open", (some, verdict) => {
  expect(expectation(some)).toEqual({ text: "no row", verdict });
});

test("rows that should not be there are a table; other failures have none", () => {
  expect(answerRows(refused)?.note).toBe("and 5 more");
  expect(answerRows({ ...refused, data: { diff: ["-a"] } })).toBeNull();
  expect(answerRows({ ...refused, data: null })).toBeNull();
});

test("the question, its expectation and its rows can be read", async () => {
  const { container } = show(
    <>
      <FailureBox failure={refused} />
      <TaskFacts task={asked({ status: "failed", failure: refused })} />
    </>,
  );
  const found = within(await screen.findByRole("region", { name: "Rows that were found" }));
  expect(found.getAllByRole("columnheader").map((c) => c.textContent)).toEqual(["id", "id"]);
  expect(found.getAllByRole("cell").map((c) => c.textContent)).toEqual(["1", "null", "one", "true"]);
  expect(screen.getByText("SELECT id FROM orders")).toBeVisible();
  expect(screen.getByText("Not met")).toBeVisible();
  expect(await violations(container)).toEqual([]);
});

test("outputs, conditions, and what it was told", async () => {
  const before = (name: string, status: string) => ({
    name,
    status,
    skip_reason: null,
    failure_class: null,
  });
  const { container } = show(
    <TaskFacts
      task={asked({
        outputs: { orders: 3, state: "new" },
        only_if: [{ output: "k", op: "gt", value: 0 }],
        context: {
          stages: [
            {
              name: "look",
              relation: "needs",
              phase: 0,
              status: "failed",
              passes: false,
              task_count: 9,
              tasks: [before("one", "failed"), before("two", "succeeded")],
            },
          ],
          omitted_stages: 2,
          outputs: { k: 4 },
        },
      })}
    />,
  );
  const outputs = within(screen.getByRole("region", { name: "Outputs" }));
  expect(outputs.getByText("orders").nextSibling).toHaveTextContent("3");
  expect(outputs.getByText("state").nextSibling).toHaveTextContent('"new"');
  expect(screen.getByText("k is above 0")).toBeVisible();
  await userEvent.click(screen.getByText("What it was told of the tasks before it"));
  expect(screen.getByText("needed")).toBeVisible();
  expect(screen.getByText("and 7 more")).toBeVisible();
  expect(screen.getByText("and 2 more stages")).toBeVisible();
  expect(within(screen.getByRole("region", { name: "Outputs before it" })).getByText("4")).toBeVisible();
  expect(await violations(container)).toEqual([]);
});
