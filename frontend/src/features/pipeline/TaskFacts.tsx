import type { TaskOut } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { conditionText, creationText, expectation, relationText } from "./facts";
import { Outputs } from "./Outputs";
import classes from "./TaskFacts.module.css";
import { SKIPPED } from "./taskWords";

const VERDICTS = {
  met: { status: "succeeded", label: "Met" },
  "not met": { status: "failed", label: "Not met" },
  open: { status: "waiting", label: "Not asked yet" },
};
type Before = TaskOut["context"]["stages"][number];

function Stage({ stage }: { stage: Before }) {
  // One task says no more than its stage.
  const telling = stage.tasks.length > 1 || stage.relation === "sequence";
  const hidden = stage.task_count - stage.tasks.length;
  return (
    <li>
      <span className={classes.line}>
        <StatusBadge status={stage.status} size="sm" />
        <strong>{stage.name}</strong>
        <span className={classes.quiet}>{relationText(stage.relation)}</span>
      </span>
      {telling && (
        <ul className={classes.tasks}>
          {stage.tasks.map((task) => (
            <li key={task.name} className={classes.line}>
              <StatusBadge status={task.status} size="sm" plain />
              {task.name}
              {task.skip_reason && <span className={classes.quiet}>{SKIPPED[task.skip_reason]}</span>}
            </li>
          ))}
          {stage.relation !== "sequence" && hidden > 0 && (
            <li className={classes.quiet}>and {hidden} more</li>
          )}
        </ul>
      )}
    </li>
  );
}

/** What the task asks and found, on what it depends, and what it was told when it was dispatched. */
export function TaskFacts({ task }: { task: TaskOut }) {
  const expected = expectation(task);
  const { context, query } = task;
  return (
    <div className={classes.facts}>
      {query && (
        <section aria-label="Question">
          <h4 className={classes.heading}>Question</h4>
          <pre className={classes.question}>{query.statement}</pre>
          {expected && (
            <p className={classes.line}>
              Must answer {expected.text}
              <StatusBadge {...VERDICTS[expected.verdict]} size="sm" />
            </p>
          )}
        </section>
      )}
      {task.creates && (
        <p className={classes.condition}>
          Makes the database <span className="mono">{creationText(task.creates)}</span>
        </p>
      )}
      {task.only_if.length > 0 && (
        <p className={classes.condition}>
          Runs only if <span className="mono">{task.only_if.map(conditionText).join(" and ")}</span>
        </p>
      )}
      <Outputs label="Outputs" outputs={task.outputs} />
      {context.stages.length > 0 && (
        <details className={classes.told}>
          <summary>What it was told of the tasks before it</summary>
          <ul className={classes.stages}>
            {context.stages.map((stage) => (
              <Stage key={`${stage.relation}/${stage.name}`} stage={stage} />
            ))}
            {context.omitted_stages > 0 && (
              <li className={classes.quiet}>and {context.omitted_stages} more stages</li>
            )}
          </ul>
          <Outputs label="Outputs before it" outputs={context.outputs} />
        </details>
      )}
    </div>
  );
}
