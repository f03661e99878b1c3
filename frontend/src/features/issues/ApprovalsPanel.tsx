import { Check, Circle, CircleX, History } from "lucide-react";
import type { ApprovalOut, ApprovalStepOut, Me, StageOut } from "@/api/types";
import { useMe } from "@/app/session";
import { Panel } from "@/shared/ui/Panel";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./ApprovalsPanel.module.css";
import { inOrder } from "./issueAction";

const OLD: Record<string, string> = {
  stale: "Stale",
  void: "Void",
  withdrawn: "Withdrawn",
  unused: "Not needed now",
};

function candidates(step: ApprovalStepOut, me: Me): string {
  const others = step.candidates.filter((p) => p.id !== me.id);
  const names = others.map((p) => p.name);
  // A candidate of a later step is one too, even if it is not her turn yet.
  if (step.can_approve || others.length < step.candidates.length) names.unshift("you");
  if (!names.length) return "Nobody can approve this now: ask an administrator to add somebody.";
  const shown = names.slice(0, 3).join(", ");
  const rest = names.length - 3;
  return rest > 0 || step.more_candidates
    ? `${shown}, +${Math.max(rest, 1)}${step.more_candidates ? " or more" : ""}`
    : shown;
}

function Step({ step, me }: { step: ApprovalStepOut; me: Me }) {
  const left = step.count - step.approved_by.length;
  return (
    <li className={classes.step} data-done={step.satisfied || undefined}>
      {step.satisfied ? <Check size={15} aria-hidden /> : <Circle size={15} aria-hidden />}
      <div>
        <span className={classes.label}>
          {step.label}
          <span className="visually-hidden">{step.satisfied ? ": approved" : ": still needed"}</span>
        </span>
        {step.approved_by.length > 0 && (
          <span className={classes.by}>
            {step.approved_by.map((p) => (p.id === me.id ? "you" : p.name)).join(", ")}
          </span>
        )}
        {!step.satisfied && (
          <span className={classes.by}>
            {step.next ? "Could approve now: " : "After the step before: "}
            {step.count > 1 ? `${left} more of ${step.count}: ` : ""}
            {candidates(step, me)}
          </span>
        )}
        {step.because && <span className={classes.because}>Added because {step.because}.</span>}
      </div>
    </li>
  );
}

function Decision({ approval, me }: { approval: ApprovalOut; me: Me }) {
  const who = approval.person.id === me.id ? "You" : approval.person.name;
  const rejected = approval.decision === "reject";
  return (
    <li className={classes.decision} data-state={approval.state} data-decision={approval.decision}>
      {rejected ? <CircleX size={14} aria-hidden /> : <History size={14} aria-hidden />}
      <div>
        {who} {rejected ? "requested changes" : "approved"} <TimeAgo iso={approval.at} />
        {approval.state !== "fresh" && (
          <span className={classes.old}>
            {" "}
            · {OLD[approval.state] ?? approval.state}
            {approval.why && `: ${approval.why}`}
          </span>
        )}
        {approval.comment && <p className={classes.comment}>{approval.comment}</p>}
      </div>
    </li>
  );
}

function Stage({ stage, me }: { stage: StageOut; me: Me }) {
  const notable = stage.approvals.filter((a) => a.decision === "reject" || a.state !== "fresh" || a.comment);
  return (
    <div className={classes.stage}>
      <h3 className={classes.name}>{stage.name}</h3>
      {stage.steps.length === 0 ? (
        <p className={classes.none}>No approval needed ({stage.tier})</p>
      ) : (
        <ol className={classes.steps}>
          {stage.steps.map((step) => (
            <Step key={step.index} step={step} me={me} />
          ))}
        </ol>
      )}
      {notable.length > 0 && (
        <ul className={classes.steps}>
          {notable.map((a) => (
            <Decision key={a.id} approval={a} me={me} />
          ))}
        </ul>
      )}
    </div>
  );
}

/** Who approved, who is still needed, for which stage: always visible. */
export function ApprovalsPanel({ stages }: { stages: StageOut[] }) {
  const me = useMe();
  return (
    <Panel title="Approvals">
      {inOrder(stages).map((stage) => (
        <Stage key={stage.name} stage={stage} me={me} />
      ))}
    </Panel>
  );
}
