import { Button, NativeSelect } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleX, RotateCcw, SkipForward } from "lucide-react";
import { useState } from "react";
import { pipelines } from "@/api/endpoints";
import { taskQuery } from "@/api/queries";
import type { TaskOut } from "@/api/types";
import { BlockerList } from "@/features/issues/BlockerList";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { sayError } from "@/shared/ui/say";
import { absolute } from "@/shared/ui/time";
import { FailureBox } from "./FailureBox";
import { LogView } from "./LogView";
import { TaskChanges } from "./TaskChanges";
import classes from "./TaskDetail.module.css";

type Props = {
  task: number;
  run: number | undefined;
  line: number | undefined;
  onRun: (run: number, line?: number) => void;
};

function Actions({ task }: { task: TaskOut }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState<"skip" | "cancel" | null>(null);
  const done = () =>
    client.invalidateQueries({
      predicate: (q) => ["task", "tasks", "pipeline", "issue", "activity"].includes(String(q.queryKey[0])),
    });
  const retry = useMutation({
    mutationFn: () => pipelines.retryTask(task.id),
    onSuccess: done,
    onError: sayError,
  });
  const name = task.database ?? task.name;
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
      {asking === "skip" && (
        <ActionDialog
          title={`Skip ${name}`}
          confirm="Skip this task"
          reason="Why is it right not to apply it here?"
          danger
          onClose={() => setAsking(null)}
          run={(reason) => pipelines.skipTask(task.id, reason).then(done)}
        >
          The change will not be applied to {name}, and the rollout goes on as if it had passed.
        </ActionDialog>
      )}
      {asking === "cancel" && (
        <ActionDialog
          title={`Cancel ${name}`}
          confirm="Cancel this task"
          danger
          onClose={() => setAsking(null)}
          run={() => pipelines.cancelTask(task.id).then(done)}
        >
          {task.status === "running"
            ? "The server is told to stop. The task shows what really happened: canceled, or already applied."
            : "It will not start. It can be retried later."}
        </ActionDialog>
      )}
    </div>
  );
}

/** One task: why it waits or failed, what it applied, and its log. */
export function TaskDetail({ task: id, run: wanted, line, onRun }: Props) {
  const query = useQuery(taskQuery(id));
  return (
    <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
      {(task) => {
        const runs = [...task.runs].sort((a, b) => b.attempt - a.attempt);
        const run = runs.find((r) => r.id === wanted) ?? runs[0];
        const base = `${window.location.pathname}?stage=${encodeURIComponent(task.stage)}&task=${task.id}`;
        return (
          <div className={classes.detail}>
            <div className={classes.head}>
              <h3 className={classes.title}>
                {task.database ?? task.name}
                <span className={classes.on}>on {task.instance}</span>
                <StatusBadge status={task.status} size="sm" />
              </h3>
              {runs.length > 1 && (
                <NativeSelect
                  aria-label="Attempt"
                  value={String(run?.id)}
                  data={runs.map((r) => ({
                    value: String(r.id),
                    label: `Attempt ${r.attempt} · ${r.outcome ?? "running"}`,
                  }))}
                  onChange={(e) => onRun(Number(e.currentTarget.value))}
                />
              )}
              <Actions task={task} />
            </div>
            {task.status === "failed" && task.failure && <FailureBox failure={task.failure} />}
            {task.status !== "failed" && task.blockers.length > 0 && <BlockerList blockers={task.blockers} />}
            {task.status === "ready" && task.run_at && Date.parse(task.run_at) > Date.now() && (
              <p className={classes.note}>Tries again at {absolute(task.run_at)}.</p>
            )}
            {task.changes.length > 1 && <TaskChanges changes={task.changes} />}
            {run ? (
              <LogView
                key={run.id}
                run={run.id}
                endedAt={run.ended_at}
                name={`${task.database ?? task.name}-run-${run.id}`}
                anchor={run.id === wanted ? line : undefined}
                href={(n) => `${base}&run=${run.id}&line=${n}`}
                onAnchor={(n) => onRun(run.id, n)}
              />
            ) : (
              <p className={classes.note}>Not started yet: the log appears here as soon as it runs.</p>
            )}
          </div>
        );
      }}
    </QueryGate>
  );
}
