import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { pipelines } from "@/api/endpoints";
import type { TaskOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { afterTask } from "./afterTask";

const EditTaskDialog = lazy(() => import("./EditTaskDialog").then((m) => ({ default: m.EditTaskDialog })));

export type TaskQuestion = "skip" | "cancel" | "edit";
type Props = { task: TaskOut; asking: TaskQuestion; onClose: () => void };

/** Asks what an action on a task needs to know: a reason, a yes, or other SQL. */
export function TaskDialog({ task, asking, onClose }: Props) {
  const client = useQueryClient();
  const done = () => afterTask(client);
  const name = task.database ?? task.name;
  if (asking === "skip")
    return (
      <ActionDialog
        title={`Skip ${name}`}
        confirm="Skip this task"
        reason="Why is it right not to apply it here?"
        danger
        onClose={onClose}
        run={(reason) => pipelines.skipTask(task.id, reason).then(done)}
      >
        The change will not be applied to {name}, and the rollout goes on as if it had passed.
      </ActionDialog>
    );
  if (asking === "cancel")
    return (
      <ActionDialog
        title={`Cancel ${name}`}
        confirm="Cancel this task"
        danger
        onClose={onClose}
        run={() => pipelines.cancelTask(task.id).then(done)}
      >
        {task.status === "running"
          ? "The database is asked to stop, and may take a while to answer. The task then shows what really happened: canceled, or applied all the same."
          : "It will not start. It can be retried later."}
      </ActionDialog>
    );
  return (
    <Suspense>
      {task.release !== null && <EditTaskDialog task={task} release={task.release} onClose={onClose} />}
    </Suspense>
  );
}
