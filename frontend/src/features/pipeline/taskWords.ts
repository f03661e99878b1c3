/** What a task says about itself in one line, and what its failure means. */
import type { Failure, TaskSummary } from "@/api/types";

export const SKIPPED: Record<string, string> = {
  manual: "Skipped by a person",
  upstream_failed: "An earlier stage failed",
  upstream_error: "An earlier stage ended in an error",
  previous_task: "The task before it did not pass",
  condition: "Not needed",
  fail_fast: "Stopped after a failure elsewhere",
};

export function taskNote(
  task: Pick<TaskSummary, "failure" | "skip_reason" | "skip_note" | "progress" | "status">,
): string {
  if (task.failure && task.status === "failed") return task.failure.message;
  if (task.status === "skipped") {
    const why = SKIPPED[task.skip_reason ?? ""] ?? "Skipped";
    return task.skip_note ? `${why}: ${task.skip_note}` : why;
  }
  if (task.status === "canceling") return "Asked the database to stop; no answer yet";
  return task.progress ?? "";
}

const KIND: Record<string, string> = {
  statement: "The database refused a statement",
  check: "A verification query said no",
  timeout: "It took too long",
  version_conflict: "This version is already applied with other content",
  infrastructure: "The connection or the server was lost",
  tampered: "The stored script does not match its digest: nothing was run",
  outcome_unknown: "Nobody can tell whether it was applied: look before you retry",
};

export const failureTitle = (failure: Failure) => KIND[failure.kind] ?? failure.kind.replaceAll("_", " ");

/** `statement 3, line 12, column 5`, as far as it is known. */
export function failurePlace(failure: Failure): string {
  const parts: string[] = [];
  if (failure.statement_index !== null) parts.push(`statement ${failure.statement_index + 1}`);
  if (failure.line !== null) parts.push(`line ${failure.line}`);
  if (failure.column !== null) parts.push(`column ${failure.column}`);
  return parts.join(", ");
}
