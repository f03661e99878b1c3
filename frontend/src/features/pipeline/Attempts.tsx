import { Button, UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { RunOut } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { Duration, TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./TaskDetail.module.css";

const SHOWN = 4;

type Props = { runs: RunOut[]; selected: number | undefined; onSelect: (run: number) => void };

/** Every attempt of a task, the newest first: where it ran, how it ended, and the way to its log. */
export function Attempts({ runs, selected, onSelect }: Props) {
  const [all, setAll] = useState(false);
  const sorted = [...runs].sort((a, b) => b.attempt - a.attempt);
  const shown = all ? sorted : sorted.filter((r, at) => at < SHOWN || r.id === selected);
  return (
    <div>
      <ol className={classes.attempts} aria-label="Attempts">
        {shown.map((r) => (
          <li key={r.id}>
            <UnstyledButton
              className={classes.attempt}
              aria-current={r.id === selected ? "true" : undefined}
              onClick={() => onSelect(r.id)}
            >
              <span className="num">Attempt {r.attempt}</span>
              <StatusBadge status={r.outcome ?? "running"} size="sm" plain />
              <span className={classes.quiet}>
                <TimeAgo iso={r.started_at} /> · <Duration from={r.started_at} to={r.ended_at} />
              </span>
              <span className={`${classes.quiet} truncate`}>{r.runner ? `by ${r.runner}` : ""}</span>
            </UnstyledButton>
          </li>
        ))}
      </ol>
      {shown.length < sorted.length && (
        <Button variant="subtle" size="compact-xs" onClick={() => setAll(true)}>
          Show all {sorted.length} attempts
        </Button>
      )}
    </div>
  );
}
