import { Button } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { RotateCcw, SlidersHorizontal } from "lucide-react";
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { pipelines } from "@/api/endpoints";
import { tasksQuery } from "@/api/queries";
import type { StageOut } from "@/api/types";
import { Choice } from "@/shared/ui/Choice";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { sayError } from "@/shared/ui/say";
import { fanOutText, taskFilters } from "./stageSummary";
import { TaskDetail } from "./TaskDetail";
import { TaskList } from "./TaskList";
import classes from "./TaskList.module.css";
import { isUnknown } from "./taskState";

const LimitsDialog = lazy(() => import("./LimitsDialog").then((m) => ({ default: m.LimitsDialog })));

export type PipelineSearch = { stage?: string; status?: string; task?: number; run?: number; line?: number };
type Props = {
  pipeline: number;
  stage: StageOut;
  search: PipelineSearch;
  onSearch: (next: PipelineSearch) => void;
  actions?: ReactNode;
  /** Told which task is looked at, also when the page chose it. */
  onShown?: (task: number | undefined) => void;
};

/** The tasks of one stage, and below them the one that is looked at. */
export function StagePanel({ pipeline, stage, search, onSearch, actions, onShown }: Props) {
  const client = useQueryClient();
  const filters = taskFilters(stage.counts);
  const status = filters.some((f) => f.value === search.status) ? search.status : "all";
  const query = useInfiniteQuery(
    tasksQuery(pipeline, { stage: stage.name, status: status === "all" ? undefined : status }),
  );
  const tasks = query.data?.pages.flatMap((p) => p.items) ?? [];
  const retry = useMutation({
    mutationFn: () => pipelines.retryFailed(pipeline, stage.name),
    onSuccess: () =>
      client.invalidateQueries({
        predicate: (q) => ["issue", "pipeline", "tasks", "task"].includes(String(q.queryKey[0])),
      }),
    onError: sayError,
  });
  // Without a choice in the URL the first task is shown, and stays while the list is resorted around it.
  const first = useRef<{ stage: string; task: number } | null>(null);
  if (tasks[0] && first.current?.stage !== stage.name && !query.isPlaceholderData)
    first.current = { stage: stage.name, task: tasks[0].id };
  const selected = search.task ?? (first.current?.stage === stage.name ? first.current.task : undefined);
  useEffect(() => onShown?.(selected), [selected, onShown]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const more = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);
  // Of what is loaded, failures first: a task that has to be settled cannot be retried.
  const failed = stage.counts.failed - tasks.filter(isUnknown).length;
  const fanOut = fanOutText(stage);
  const [limiting, setLimiting] = useState(false);

  return (
    <Panel
      flush
      title={`Tasks in ${stage.name}`}
      actions={
        <>
          {filters.length > 2 && (
            <Choice
              label="Show tasks"
              options={filters}
              value={status}
              onChange={(value) => onSearch({ ...search, status: value === "all" ? undefined : value })}
            />
          )}
          <span style={{ display: "flex", gap: 8, marginLeft: "auto" }}>
            {stage.actions.includes("retry_failed") && failed > 0 && (
              <Button
                variant="default"
                leftSection={<RotateCcw size={14} aria-hidden />}
                loading={retry.isPending}
                onClick={() => retry.mutate()}
              >
                Retry {failed} failed
              </Button>
            )}
            {stage.actions.includes("edit_limits") && fanOut && (
              <Button
                variant="default"
                leftSection={<SlidersHorizontal size={13} aria-hidden />}
                onClick={() => setLimiting(true)}
              >
                Limits…
              </Button>
            )}
            {actions}
          </span>
        </>
      }
    >
      {fanOut && <p className={classes.fanOut}>{fanOut}</p>}
      <Suspense>
        {limiting && <LimitsDialog pipeline={pipeline} stage={stage} onClose={() => setLimiting(false)} />}
      </Suspense>
      <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
        {() => (
          <TaskList
            label={`Tasks in ${stage.name}`}
            tasks={tasks}
            total={status === "all" ? stage.counts.total : tasks.length}
            selected={selected}
            more={hasNextPage ? more : undefined}
            onSelect={(task) => onSearch({ stage: stage.name, status: search.status, task: task.id })}
          />
        )}
      </QueryGate>
      {selected !== undefined && (
        <TaskDetail
          key={selected}
          task={selected}
          run={search.task === selected ? search.run : undefined}
          line={search.line}
          onRun={(run, line) => onSearch({ ...search, stage: stage.name, task: selected, run, line })}
        />
      )}
    </Panel>
  );
}
