/** What a task is called, and the rows that a failure brings along. */
import type { Failure, TaskOut } from "@/api/types";

export type Value = string | number | boolean | null;

type Named = Pick<TaskOut, "name" | "database" | "instance" | "type">;

/** `shop_dev`, or the name that somebody gave the task; `New database shop_dev` while there is none yet. */
export const taskTitle = ({ name, database, instance, type }: Named) => {
  if (type === "database.create" && name.startsWith(`${instance}/`))
    return `New database ${name.slice(instance.length + 1)}`;
  return database && name === `${instance}/${database}` ? database : name;
};

/** Where it works, as far as its title does not say so. */
export const taskPlace = (task: Named) => {
  if (task.type === "database.create") return task.instance;
  if (!task.database) return task.type;
  return taskTitle(task) === task.database ? task.instance : `${task.instance} / ${task.database}`;
};

export type Rows = { columns: string[]; rows: Value[][]; note: string };

/** The rows that a verification found and should not have; null when the failure is of another kind. */
export function answerRows(failure: Failure): Rows | null {
  const data = failure.data as {
    columns?: string[];
    rows?: Value[][];
    found?: number;
    more?: boolean;
  } | null;
  if (!data?.columns || !data.rows?.length) return null;
  const left = (data.found ?? data.rows.length) - data.rows.length;
  const note = data.more ? "and more" : left > 0 ? `and ${left} more` : "";
  return { columns: data.columns, rows: data.rows, note };
}
