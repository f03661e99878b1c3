import { CircleAlert, CircleCheck, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import type { FindingOut, StepOut } from "@/api/types";
import classes from "./ReviewSummary.module.css";
import { sortFindings, stepsText, verdict } from "./verdict";

const SEVERITY: Record<FindingOut["severity"], { icon: LucideIcon; word: string }> = {
  error: { icon: CircleAlert, word: "Error" },
  warning: { icon: TriangleAlert, word: "Warning" },
  info: { icon: Info, word: "Note" },
};
const TONE: Record<string, LucideIcon> = { good: CircleCheck, wait: TriangleAlert, bad: CircleAlert };

type Props = {
  findings: FindingOut[];
  steps: StepOut[];
  /** Named where a script is reviewed for several engines. */
  engine?: string | undefined;
};

/** The verdict of review, then every finding: what, where, what to do instead. */
export function ReviewSummary({ findings, steps, engine }: Props) {
  const { tone, word, why } = verdict(findings);
  const Icon = TONE[tone] ?? Info;
  const how = stepsText(steps);
  return (
    <section className={classes.review} aria-label={engine ? `Review for ${engine}` : "Review"}>
      <p className={classes.verdict} data-tone={tone}>
        <Icon size={15} aria-hidden />
        {engine && <span>{engine}:</span>}
        <strong>{word}</strong>
        <span>{why}</span>
        {how && <span className={classes.how}>{how}</span>}
      </p>
      {findings.length > 0 && (
        <ul className={classes.findings}>
          {sortFindings(findings).map((f) => {
            const { icon: Mark, word: kind } = SEVERITY[f.severity];
            return (
              <li key={`${f.rule}/${f.line}/${f.column}/${f.message}`} data-severity={f.severity}>
                <Mark size={14} aria-label={kind} />
                <div>
                  {f.line !== null && <span className={classes.line}>Line {f.line}: </span>}
                  {f.message} <span className={classes.rule}>{f.rule}</span>
                  {f.hint && <div className={classes.hint}>{f.hint}</div>}
                </div>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
