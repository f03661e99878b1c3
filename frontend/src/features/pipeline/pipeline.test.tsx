import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { TaskSummary } from "@/api/types";
import { show, violations } from "@/test/render";
import { blocker, counts, stage } from "@/test/samples";
import { StageRail } from "./StageRail";
import { TaskList } from "./TaskList";

const task = (id: number): TaskSummary => ({
  id,
  name: `pg/shop_${id}`,
  type: "database.change",
  stage: "dev",
  environment: "dev",
  instance: "pg",
  database: `shop_${id}`,
  database_id: id,
  status: "waiting",
  skip_reason: null,
  skip_note: null,
  attempts: 0,
  failure: null,
  progress: null,
  started_at: null,
  ended_at: null,
  latest_run: null,
  actions: [],
});

test("stages stand in order, say how far they are and why they wait, and one is selected", async () => {
  const onSelect = vi.fn();
  const stages = [
    stage({
      name: "prod",
      position: 2,
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
