import type { StageDot } from "@/api/types";
import { statusLook } from "@/shared/ui/status";
import { stageSummary } from "../pipeline/stageSummary";
import classes from "./StageDots.module.css";

const MARK: Record<string, string> = { good: "✓", bad: "✕", run: "●", wait: "○", warn: "●", neutral: "○" };

/** The rollout in a table cell: one mark a stage, its word for those who cannot see colour. */
export function StageDots({ stages }: { stages: StageDot[] }) {
  return (
    <ol className={classes.dots} aria-label="Stages">
      {stages.map((s) => {
        const look = statusLook(s.status);
        return (
          <li
            key={s.name}
            className={classes.dot}
            data-tone={look.tone}
            title={`${s.name}: ${look.label}, ${stageSummary(s.counts)}`}
          >
            <span aria-hidden>{MARK[look.tone]}</span>
            <span className={classes.name}>{s.name}</span>
            <span className="visually-hidden">{look.label}</span>
          </li>
        );
      })}
    </ol>
  );
}
