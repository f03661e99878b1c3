/** Where in which change a failed task stopped. */
import type { ChangeOut, TaskOut } from "@/api/types";

export type FailureMark = { version: string; line: number; column: number | null; message: string };

export function failureMark(
  task: Pick<TaskOut, "status" | "failure" | "changes">,
  changes: Pick<ChangeOut, "version">[],
): FailureMark | null {
  const { failure } = task;
  if (task.status !== "failed" || !failure?.line) return null;
  const failed = task.changes.find((c) => c.state === "failed" || c.state === "unknown");
  const version = failed?.version ?? (changes.length === 1 ? changes[0]?.version : undefined);
  return version ? { version, line: failure.line, column: failure.column, message: failure.message } : null;
}
