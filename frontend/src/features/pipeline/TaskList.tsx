import { UnstyledButton } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { TaskSummary } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { Duration } from "@/shared/ui/TimeAgo";
import classes from "./TaskList.module.css";
import { taskBadge } from "./taskState";
import { taskPlace, taskTitle } from "./taskTitle";
import { taskNote } from "./taskWords";

const ROW = 46;
const MOST_VISIBLE = 9;

type Props = {
  label: string;
  tasks: TaskSummary[];
  total: number;
  selected: number | undefined;
  onSelect: (task: TaskSummary) => void;
  more: (() => void) | undefined;
};

/** Tasks of a stage, failures first as the server sorts them. Only visible rows exist, so ten thousand stay smooth. */
export function TaskList({ label, tasks, total, selected, onSelect, more }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
    initialRect: { width: 800, height: ROW * MOST_VISIBLE },
    getItemKey: (at) => tasks[at]?.id ?? at,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= tasks.length - 20) more();
  }, [last, tasks.length, more]);

  return (
    // biome-ignore lint/a11y/useSemanticElements: rows are positioned by the virtual list, which a table element cannot do
    <div role="table" aria-label={label} aria-rowcount={total + 1} className={classes.table}>
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div role="rowgroup">
        {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above */}
        <div role="row" className={`${classes.row} ${classes.head}`}>
          {/* biome-ignore-start lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above */}
          <span role="columnheader">Database</span>
          <span role="columnheader">Status</span>
          <span role="columnheader" className={classes.wide}>
            Attempt
          </span>
          <span role="columnheader" className={classes.wide}>
            Took
          </span>
          <span role="columnheader" className={classes.note}>
            Note
          </span>
          {/* biome-ignore-end lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above */}
        </div>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        role="rowgroup"
        ref={box}
        className={classes.body}
        style={{ maxHeight: ROW * MOST_VISIBLE }}
        tabIndex={tasks.length > MOST_VISIBLE ? 0 : undefined}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }} role="presentation">
          {items.map((item) => {
            const task = tasks[item.index];
            if (!task) return null;
            const on = task.id === selected;
            return (
              // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the button in the first cell is the real target
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                className={classes.row}
                data-selected={on || undefined}
                style={{
                  position: "absolute",
                  insetInline: 0,
                  height: ROW,
                  transform: `translateY(${item.start}px)`,
                }}
                onClick={() => onSelect(task)}
              >
                {/* biome-ignore-start lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above */}
                <span role="cell" className={classes.name}>
                  <UnstyledButton className={classes.open} aria-current={on ? "true" : undefined}>
                    {taskTitle(task)}
                  </UnstyledButton>
                  <span className={classes.sub}>{taskPlace(task)}</span>
                </span>
                <span role="cell">
                  <StatusBadge {...taskBadge(task)} size="sm" plain />
                </span>
                <span role="cell" className={`${classes.wide} num`}>
                  {task.attempts || "–"}
                </span>
                <span role="cell" className={classes.wide}>
                  {task.started_at ? <Duration from={task.started_at} to={task.ended_at} /> : "–"}
                </span>
                <span
                  role="cell"
                  className={`${classes.note} truncate`}
                  title={taskNote(task)}
                  data-bad={task.failure ? true : undefined}
                >
                  {taskNote(task)}
                </span>
                {/* biome-ignore-end lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above */}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
