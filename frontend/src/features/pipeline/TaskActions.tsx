import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleX, Pencil, RotateCcw, SkipForward } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { pipelines } from "@/api/endpoints";
import type { TaskOut } from "@/api/types";
import { sayError } from "@/shared/ui/say";
import { afterTask } from "./afterTask";
import classes from "./TaskDetail.module.css";
import type { TaskQuestion } from "./TaskDialog";

const TaskDialog = lazy(() => import("./TaskDialog").then((m) => ({ default: m.TaskDialog })));

/** What the caller may do with a task now, as the server says. */
export function TaskActions({ task }: { task: TaskOut }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState<TaskQuestion | null>(null);
  const retry = useMutation({
    mutationFn: () => pipelines.retryTask(task.id),
    onSuccess: () => afterTask(client),
    onError: sayError,
  });
  return (
    <div className={classes.actions}>
      {task.actions.includes("retry") && (
        <Button
          variant="default"
          leftSection={<RotateCcw size={14} aria-hidden />}
          loading={retry.isPending}
          onClick={() => retry.mutate()}
        >
          Retry
        </Button>
      )}
      {task.actions.includes("edit") && task.release !== null && (
        <Button
          variant="default"
          leftSection={<Pencil size={14} aria-hidden />}
          onClick={() => setAsking("edit")}
        >
          Edit SQL for this database…
        </Button>
      )}
      {task.actions.includes("skip") && (
        <Button
          variant="default"
          leftSection={<SkipForward size={14} aria-hidden />}
          onClick={() => setAsking("skip")}
        >
          Skip…
        </Button>
      )}
      {task.actions.includes("cancel") && (
        <Button
          variant="default"
          leftSection={<CircleX size={14} aria-hidden />}
          onClick={() => setAsking("cancel")}
        >
          Cancel task
        </Button>
      )}
      <Suspense>
        {asking && <TaskDialog task={task} asking={asking} onClose={() => setAsking(null)} />}
      </Suspense>
    </div>
  );
}
