import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { show, violations } from "@/test/render";
import { task as anyTask, blocker, counts, stage } from "@/test/samples";
import { StageRail } from "./StageRail";
import { TaskList } from "./TaskList";

test("stages side by side stand in one column and say what they wait for", async () => {
  const stages = [
    stage({ name: "structure", position: 0, status: "succeeded" }),
    stage({ name: "orders", position: 1, needs: ["structure"], status: "running" }),
    stage({ name: "stock", position: 2, needs: ["structure"], status: "running" }),
    stage({ name: "check", position: 3, needs: ["orders", "stock"] }),
  ];
  const { container } = show(
    <StageRail stages={stages} selected="orders" verb="applied" onSelect={() => {}} />,
  );
  await screen.findByRole("button", { name: /^check/ });
  const columns = screen.getAllByRole("list").filter((l) => l.tagName === "UL");
  expect(columns.map((c) => within(c).getAllByRole("button").length)).toEqual([1, 2, 1]);
  expect(screen.getByRole("button", { name: /^check/ })).toHaveTextContent("After orders, stock");
  expect(container.querySelectorAll("svg path[d^=M0]")).toHaveLength(4);
  expect(await violations(container)).toEqual([]);
});

const task = (id: number) => anyTask({ id, name: `pg/shop_${id}`, database: `shop_${id}`, database_id: id });

test("stages stand in order, say how far they are and why they wait, and one is selected", async () => {
  const onSelect = vi.fn();
  const stages = [
    stage({
      name: "prod",
      position: 2,
      needs: ["dev"],
      counts: counts({ total: 3, waiting: 3 }),
      blockers: [blocker("order"), blocker("approval")],
    }),
    stage({
      name: "dev",
      position: 0,
      status: "failed",
      counts: counts({ total: 2, succeeded: 1, failed: 1 }),
    }),
  ];
  const { container } = show(<StageRail stages={stages} selected="dev" verb="applied" onSelect={onSelect} />);
  const buttons = screen.getAllByRole("button");
  expect(buttons.map((b) => b.textContent)).toEqual([
    "devFailed1 of 2 applied · 1 failed",
    "prodWaiting0 of 3 appliedNeeds approval",
  ]);
  expect(screen.getByRole("button", { current: "step" })).toHaveTextContent("dev");
  await userEvent.click(screen.getByRole("button", { name: /prod/ }));
  expect(onSelect).toHaveBeenCalledWith("prod");
  expect(await violations(container)).toEqual([]);
});

test("ten thousand tasks cost a screenful of rows, and nearing the end asks for more", async () => {
  const more = vi.fn();
  const onSelect = vi.fn();
  const tasks = Array.from({ length: 10_000 }, (_, i) => task(i + 1));
  const { container } = show(
    <TaskList
      label="Tasks in dev"
      tasks={tasks}
      total={10_000}
      selected={1}
      onSelect={onSelect}
      more={more}
    />,
  );
  expect(screen.getByRole("table", { name: "Tasks in dev" })).toHaveAttribute("aria-rowcount", "10001");
  expect(screen.getAllByRole("row").length).toBeLessThan(60);
  expect(more).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "shop_2" }));
  expect(onSelect).toHaveBeenCalledWith(tasks[1]);
  expect(await violations(container)).toEqual([]);
});

test("a short list asks for the next page at once", () => {
  const more = vi.fn();
  show(
    <TaskList
      label="Tasks"
      tasks={[task(1)]}
      total={300}
      selected={undefined}
      onSelect={() => {}}
      more={more}
    />,
  );
  expect(more).toHaveBeenCalled();
});

test("arrow keys lead from stage to stage, along the lines and within a column", async () => {
  const onSelect = vi.fn();
  const names = ["build", "web", "api", "notify"];
  const needs: Record<string, string[]> = { web: ["build"], api: ["build"], notify: ["web", "api"] };
  const stages = names.map((name, position) => stage({ name, position, needs: needs[name] ?? [] }));
  show(<StageRail stages={stages} selected="build" verb="applied" onSelect={onSelect} />);
  await screen.findByRole("button", { name: /^build/ });
  const card = (name: string) => screen.getByRole("button", { name: new RegExp(`^${name}`) });
  card("build").focus();
  await userEvent.keyboard("{ArrowRight}");
  expect(card("web")).toHaveFocus();
  await userEvent.keyboard("{ArrowDown}");
  expect(card("api")).toHaveFocus();
  await userEvent.keyboard("{ArrowRight}{ArrowRight}");
  expect(card("notify")).toHaveFocus();
  await userEvent.keyboard("{Enter}");
  expect(onSelect).toHaveBeenCalledWith("notify");
});
