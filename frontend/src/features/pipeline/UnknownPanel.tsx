import { Button } from "@mantine/core";
import { Gavel } from "lucide-react";
import { useState } from "react";
import type { Failure, TaskOut } from "@/api/types";
import { SettleDialog } from "./SettleDialog";
import classes from "./TaskDetail.module.css";
import { type Evidence, evidence, isUnknown } from "./taskState";
import { failurePlace } from "./taskWords";

function Known({ found }: { found: Evidence }) {
  return (
    <>
      {found.diff.length > 0 && (
        <section
          className={classes.diff}
          aria-label="Difference"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that can scroll must be reachable by keyboard
          tabIndex={0}
        >
          {found.diff.map((l) => (
            <div key={l.at} data-kind={l.kind}>
              {l.text || " "}
            </div>
          ))}
        </section>
      )}
      {found.views.map((v) => (
        <details key={v.name} open={found.diff.length === 0}>
          <summary>{v.name}</summary>
          <pre className={classes.message}>{v.text}</pre>
        </details>
      ))}
      {found.rest.map(([name, text]) => (
        <details key={name} open>
          <summary>{name}</summary>
          <pre className={classes.message}>{text}</pre>
        </details>
      ))}
    </>
  );
}

/** A task of which nobody knows whether it was applied: what is known, and the way out of it. */
export function UnknownPanel({ task, failure }: { task: TaskOut; failure: Failure }) {
  const [settling, setSettling] = useState(false);
  const found = evidence(failure);
  const place = failurePlace(failure);
  const version = task.changes.find((c) => c.state === "unknown" || c.state === "failed")?.version;
  const may = task.actions.includes("settle");
  return (
    <section className={classes.unknown} aria-label="What is known">
      <h4>
        {isUnknown(task)
          ? "Nobody can tell whether this was applied"
          : "What ran here before does not fit this change"}
      </h4>
      <p>
        {version && (
          <>
            Change <span className="mono">{version}</span>
            {place ? ", " : ": "}
          </>
        )}
        {place && `${place}: `}
        {failure.message}
      </p>
      <Known found={found} />
      {failure.hint && !isUnknown(task) && <p>{failure.hint}</p>}
      <p>
        It is not tried again by itself, because it could be applied twice, and nothing else starts on this
        database.{" "}
        {may
          ? "Look at the database, then say what you found."
          : "A releaser of the project looks at the database and settles it."}
      </p>
      {may && (
        <Button leftSection={<Gavel size={14} aria-hidden />} onClick={() => setSettling(true)}>
          Settle…
        </Button>
      )}
      {settling && <SettleDialog task={task} version={version} onClose={() => setSettling(false)} />}
    </section>
  );
}
