import type { TaskChange } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import classes from "./TaskDetail.module.css";

const SHOWN: Record<TaskChange["state"], { status: string; label: string }> = {
  applied: { status: "succeeded", label: "Applied" },
  already_applied: { status: "succeeded", label: "Was applied before" },
  failed: { status: "failed", label: "Failed" },
  unknown: { status: "unknown", label: "Outcome unknown" },
  not_run: { status: "waiting", label: "Not run" },
};

/** One plain change says no more than the task itself. */
const telling = (changes: TaskChange[]) =>
  changes.length > 1 || changes.some((c) => c.state === "already_applied" || c.state === "unknown");

/** Which changes of the release this database has. */
export function TaskChanges({ changes }: { changes: TaskChange[] }) {
  if (!telling(changes)) return null;
  return (
    <ul className={classes.changes} aria-label="Changes">
      {changes.map((c) => (
        <li key={c.version}>
          <StatusBadge status={SHOWN[c.state].status} label={SHOWN[c.state].label} size="sm" />
          <span className="mono">{c.version}</span>
          {c.name}
        </li>
      ))}
    </ul>
  );
}
