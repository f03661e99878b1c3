import { Button, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { databaseQuery, releaseQuery, taskQuery } from "@/api/queries";
import type { ChangeOut, IssueOut, TaskOut } from "@/api/types";
import { findingMarks, stepMarks } from "@/features/sql/marks";
import { ReviewSummary } from "@/features/sql/ReviewSummary";
import { verdict } from "@/features/sql/verdict";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import classes from "./ChangePanel.module.css";
import { failureMark } from "./failureMark";

const SqlView = lazy(() => import("@/features/sql/SqlView").then((m) => ({ default: m.SqlView })));

type Props = { issue: IssueOut; task: number | undefined; onEdit: () => void };

function Changes({ changes, task }: { changes: ChangeOut[]; task: TaskOut | undefined }) {
  const mark = task ? failureMark(task, changes) : null;
  const [picked, setPicked] = useState<string | null>(null);
  const current = changes.find((c) => c.version === (picked ?? mark?.version)) ?? changes[0];
  const database = useQuery({
    ...databaseQuery(task?.database_id ?? 0),
    enabled: current?.engine === null && task?.database_id != null,
  });
  if (!current) return null;
  return (
    <div className={classes.body}>
      {changes.length > 1 && (
        <ul className={classes.list} aria-label="Changes of this release">
          {changes.map((c) => (
            <li key={c.version}>
              <button
                type="button"
                className={classes.pick}
                aria-current={c.version === current.version ? "true" : undefined}
                onClick={() => setPicked(c.version)}
              >
                <span className="mono">{c.version}</span> {c.name}
                {mark?.version === c.version ? (
                  <span className={classes.failed}>failed</span>
                ) : (
                  c.findings.some((f) => f.severity !== "info") && (
                    <span className={classes.found}>{verdict(c.findings).why}</span>
                  )
                )}
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className={classes.sql}>
        <p className={classes.facts}>
          <span className="num">
            {current.statements} {current.statements === 1 ? "statement" : "statements"} ·{" "}
            {current.bytes.toLocaleString()} bytes
          </span>
          {" · "}
          <span className="mono" title={current.digest}>
            {current.digest.slice(0, 19)}
          </span>
        </p>
        <ReviewSummary findings={current.findings} steps={current.steps} />
        <Suspense fallback={<Skeleton h={160} />}>
          <SqlView
            value={current.statement}
            label={`SQL of ${current.name || current.version}`}
            engine={current.engine ?? database.data?.engine ?? null}
            marks={[
              ...stepMarks(current.steps),
              ...(mark && mark.version === current.version ? [{ ...mark, kind: "failed" as const }] : []),
              ...findingMarks(current.findings),
            ]}
          />
        </Suspense>
        {current.verify && (
          <Beside
            title="Must hold after it, before it commits"
            label={`Check of ${current.name || current.version}`}
            value={current.verify}
            engine={current.engine ?? database.data?.engine ?? null}
          />
        )}
        {current.revert && (
          <Beside
            title="Takes it back, in an issue of its own"
            label={`Revert of ${current.name || current.version}`}
            value={current.revert}
            engine={current.engine ?? database.data?.engine ?? null}
          />
        )}
      </div>
    </div>
  );
}

type BesideProps = { title: string; label: string; value: string; engine: string | null };

/** What belongs to a change and is not the change itself. */
function Beside({ title, label, value, engine }: BesideProps) {
  return (
    <details className={classes.beside}>
      <summary>{title}</summary>
      <Suspense fallback={<Skeleton h={40} />}>
        <SqlView value={value} label={label} engine={engine} />
      </Suspense>
    </details>
  );
}

/**
 * The SQL that was approved and runs, with the failing line of the task that is looked at marked in it. In stages of its own a
 * task may bring a release of its own: then that one is shown, because that is what runs there.
 */
export function ChangePanel({ issue, task: taskId, onEdit }: Props) {
  const task = useQuery({ ...taskQuery(taskId ?? 0), enabled: taskId !== undefined });
  const shown = task.data?.release ?? issue.release;
  const own = shown !== null && shown !== issue.release;
  const release = useQuery({ ...releaseQuery(shown ?? 0), enabled: shown !== null });
  if (shown === null) return null;
  return (
    <Panel
      title={
        own && task.data ? `SQL of ${task.data.database ?? task.data.name} in ${task.data.stage}` : "Change"
      }
      id="change"
      flush
      actions={
        !own &&
        issue.actions.includes("edit") && (
          <Button variant="default" leftSection={<Pencil size={13} aria-hidden />} onClick={onEdit}>
            Edit SQL
          </Button>
        )
      }
    >
      <QueryGate query={release} skeleton={<Skeleton h={160} m={14} />}>
        {(data) => <Changes key={data.id} changes={data.changes} task={task.data} />}
      </QueryGate>
    </Panel>
  );
}
