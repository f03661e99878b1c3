import { UnstyledButton } from "@mantine/core";
import type { StageOut } from "@/api/types";
import { mainBlocker, shortBlocker } from "@/features/issues/blockers";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import classes from "./StageRail.module.css";
import { stageBar, stageSummary } from "./stageSummary";

type Props = {
  stage: StageOut;
  /** What it waits for, in words; null where an arrow says it. */
  after: string | null;
  selected: string | undefined;
  verb: string;
  onSelect: (name: string) => void;
};

const OVER = ["succeeded", "skipped", "failed", "error", "canceled"];

/** A stage: how far it is, and what holds it. */
export function StageCard({ stage, after, selected, verb, onSelect }: Props) {
  const blocker = OVER.includes(stage.status) ? undefined : mainBlocker(stage);
  return (
    <UnstyledButton
      className={classes.stage}
      data-stage={stage.name}
      aria-current={stage.name === selected ? "step" : undefined}
      onClick={() => onSelect(stage.name)}
    >
      <span className={classes.top}>
        <span className={classes.name}>{stage.name}</span>
        <StatusBadge status={stage.status} size="sm" />
      </span>
      {after && <span className={classes.after}>{after}</span>}
      <span className={classes.bar} aria-hidden>
        {stageBar(stage.counts).map((s) => (
          <span key={s.tone} data-tone={s.tone} style={{ flexGrow: s.count }} />
        ))}
        <span style={{ flexGrow: stage.counts.waiting + stage.counts.ready }} />
      </span>
      <span className={classes.summary}>{stageSummary(stage.counts, verb)}</span>
      <span className={classes.blocker}>
        {blocker
          ? shortBlocker(blocker)
          : stage.advance === "manual" && stage.status === "ready"
            ? "Ready to run"
            : ""}
      </span>
    </UnstyledButton>
  );
}
