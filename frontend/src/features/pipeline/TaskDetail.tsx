import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Users } from "lucide-react";
import { lazy, Suspense, useRef, useState } from "react";
import { taskQuery } from "@/api/queries";
import type { RunOut, TaskOut } from "@/api/types";
import { BlockerList } from "@/features/issues/BlockerList";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { absolute } from "@/shared/ui/time";
import { FailureBox } from "./FailureBox";
import { TaskActions } from "./TaskActions";
import classes from "./TaskDetail.module.css";
import { cancelingText, type Seen, steadyBlockers, taskBadge } from "./taskState";
import { taskPlace, taskTitle } from "./taskTitle";

const TaskChanges = lazy(() => import("./TaskChanges").then((m) => ({ default: m.TaskChanges })));
// Most tasks have one attempt.
const Attempts = lazy(() => import("./Attempts").then((m) => ({ default: m.Attempts })));
const SessionsPanel = lazy(() => import("./SessionsPanel").then((m) => ({ default: m.SessionsPanel })));
const LogView = lazy(() => import("./LogView").then((m) => ({ default: m.LogView })));
const TaskFacts = lazy(() => import("./TaskFacts").then((m) => ({ default: m.TaskFacts })));
// Rare, and with a form of its own: fetched when a task needs it.
const GonePanel = lazy(() => import("./GonePanel").then((m) => ({ default: m.GonePanel })));
const UnknownPanel = lazy(() => import("./UnknownPanel").then((m) => ({ default: m.UnknownPanel })));

type Props = {
  task: number;
  run: number | undefined;
  line: number | undefined;
  onRun: (run: number, line?: number) => void;
};

/** Why it does not go on, or how it ended: the failure, the doubt, what it waits for, when it is tried again. */
function Standing({ task }: { task: TaskOut }) {
  const { failure } = task;
  const seen = useRef<Seen | null>(null);
  seen.current = steadyBlockers(task, seen.current, Date.now());
  const blockers = seen.current?.blockers ?? [];
  const open = task.actions.includes("settle") || taskBadge(task).status === "unknown";
  return (
    <>
      {task.status === "failed" &&
        failure &&
        (open ? (
          <Suspense fallback={<FailureBox failure={failure} />}>
            <UnknownPanel task={task} failure={failure} />
          </Suspense>
        ) : (
          <FailureBox failure={failure} />
        ))}
      {task.status !== "failed" && task.actions.includes("settle") && (
        <Suspense>
          <GonePanel task={task} />
        </Suspense>
      )}
      {task.status === "canceling" && (
        <p className={classes.canceling} role="status">
          {cancelingText(task)}
        </p>
      )}
      {task.status !== "failed" && blockers.length > 0 && <BlockerList blockers={blockers} />}
      {task.status === "ready" && task.run_at && Date.parse(task.run_at) > Date.now() && (
        <p className={classes.note}>
          Tries again at {absolute(task.run_at)}
          {failure ? `, after: ${failure.message}` : ""}.
        </p>
      )}
      {task.settlements.map((s) => (
        <p key={`${s.version}/${s.at}`} className={classes.note}>
          {s.person.name} settled <span className="mono">{s.version}</span> as{" "}
          <strong>{s.outcome === "applied" ? "applied" : "not applied"}</strong>
          {s.unseen && " without the database, which was gone"}, {absolute(s.at)}: {s.reason}
        </p>
      ))}
    </>
  );
}

/** Opened by itself when the task is known to wait for a lock; asking the server costs it something, so else on request. */
function Sessions({ task }: { task: TaskOut }) {
  // Between two tries it waits for nothing: what was opened stays open, so that nothing jumps.
  const waited = useRef(false);
  waited.current ||= task.blockers.some((b) => b.gate === "lock");
  const [asked, setAsked] = useState<boolean>();
  if (!task.actions.includes("sessions")) return null;
  const shown = asked ?? waited.current;
  return (
    <>
      <div>
        <Button
          variant="default"
          size="compact-sm"
          aria-expanded={shown}
          leftSection={<Users size={13} aria-hidden />}
          onClick={() => setAsked(!shown)}
        >
          {shown ? "Hide sessions" : "Who is in the way?"}
        </Button>
      </div>
      {shown && (
        <Suspense fallback={<SkeletonRows rows={2} />}>
          <SessionsPanel task={task.id} />
        </Suspense>
      )}
    </>
  );
}

/** There is more to say of it than its changes and its log. */
const tells = (task: TaskOut) =>
  task.query !== null || task.creates !== null || task.only_if.length > 0 || task.context.stages.length > 0;

const ACTIVE = new Set(["scheduled", "running", "canceling"]);
const POLL_MS = 2_500;

const newest = (runs: RunOut[]) =>
  runs.reduce<RunOut | undefined>((a, b) => (a && a.attempt > b.attempt ? a : b), undefined);

/** One task: why it waits or failed, what it applied, and its log. */
export function TaskDetail({ task: id, run: wanted, line, onRun }: Props) {
  // What a task waits for in its database is not worth an event: while it runs and is looked at, it is asked for.
  const query = useQuery({
    ...taskQuery(id),
    refetchInterval: ({ state }) => (ACTIVE.has(state.data?.status ?? "") ? POLL_MS : false),
  });
  return (
    <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
      {(task) => {
        const run = task.runs.find((r) => r.id === wanted) ?? newest(task.runs);
        const base = `${window.location.pathname}?stage=${encodeURIComponent(task.stage)}&task=${task.id}`;
        return (
          <div className={classes.detail}>
            <div className={classes.head}>
              <h3 className={classes.title}>
                {taskTitle(task)}
                <span className={classes.on}>on {taskPlace(task)}</span>
                <StatusBadge {...taskBadge(task)} size="sm" />
              </h3>
              <TaskActions task={task} />
            </div>
            <Standing task={task} />
            <Sessions task={task} />
            {tells(task) && (
              <Suspense fallback={<SkeletonRows rows={1} />}>
                <TaskFacts task={task} />
              </Suspense>
            )}
            <Suspense>
              <TaskChanges changes={task.changes} />
            </Suspense>
            {task.runs.length > 1 && (
              <Suspense fallback={<SkeletonRows rows={1} />}>
                <Attempts runs={task.runs} selected={run?.id} onSelect={onRun} />
              </Suspense>
            )}
            {run ? (
              <Suspense fallback={<SkeletonRows rows={3} />}>
                <LogView
                  key={run.id}
                  run={run.id}
                  endedAt={run.ended_at}
                  name={`${task.database ?? task.name}-run-${run.id}`}
                  anchor={run.id === wanted ? line : undefined}
                  href={(n) => `${base}&run=${run.id}&line=${n}`}
                  onAnchor={(n) => onRun(run.id, n)}
                />
              </Suspense>
            ) : (
              <p className={classes.note}>Not started yet: the log appears here as soon as it runs.</p>
            )}
          </div>
        );
      }}
    </QueryGate>
  );
}
