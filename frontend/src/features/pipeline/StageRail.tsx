import { UnstyledButton } from "@mantine/core";
import { ChevronRight } from "lucide-react";
import type { StageOut } from "@/api/types";
import { mainBlocker, shortBlocker } from "@/features/issues/blockers";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import classes from "./StageRail.module.css";
import { stageBar, stageSummary } from "./stageSummary";

type Props = {
  stages: StageOut[];
  selected: string | undefined;
  verb: string;
  onSelect: (name: string) => void;
};

const OVER = ["succeeded", "skipped", "failed", "error", "canceled"];

/** Stages in rollout order. An ordered list, not a canvas: what comes next is on the right, or below on a phone. */
export function StageRail({ stages, selected, verb, onSelect }: Props) {
  const sorted = [...stages].sort((a, b) => a.position - b.position);
  return (
    <nav aria-label="Stages" className={classes.nav}>
      <ol className={classes.rail}>
        {sorted.map((stage) => {
          const blocker = OVER.includes(stage.status) ? undefined : mainBlocker(stage);
          return (
            <li key={stage.name} className={classes.item}>
              <UnstyledButton
                className={classes.stage}
                aria-current={stage.name === selected ? "step" : undefined}
                onClick={() => onSelect(stage.name)}
              >
                <span className={classes.top}>
                  <span className={classes.name}>{stage.name}</span>
                  <StatusBadge status={stage.status} size="sm" />
                </span>
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
              <ChevronRight className={classes.arrow} size={16} aria-hidden />
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
