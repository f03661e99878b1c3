import { useQueryClient } from "@tanstack/react-query";
import { changes, pipelines } from "@/api/endpoints";
import { issueQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { BlockerList } from "./BlockerList";
import { BypassDialog } from "./BypassDialog";
import { startable } from "./issueAction";
import { RevertDialog } from "./RevertDialog";

export type IssueDialog =
  | { kind: "advance"; stage: string }
  | { kind: "bypass"; stage: string }
  | { kind: "override"; stage: string }
  | { kind: "request" }
  | { kind: "cancel" }
  | { kind: "reopen" }
  | { kind: "revert" }
  | { kind: "hold" }
  | { kind: "resume" };

type Props = { issue: IssueOut; dialog: IssueDialog; onClose: () => void };

/** The questions asked before an issue's state changes. */
export function IssueDialogs({ issue, dialog, onClose }: Props) {
  const client = useQueryClient();
  const refresh = () =>
    client.invalidateQueries({
      predicate: (q) =>
        ["issue", "issues", "tasks", "task", "activity", "pipeline"].includes(String(q.queryKey[0])),
    });
  const take = (fresh: IssueOut) => {
    client.setQueryData(issueQuery(issue.id).queryKey, fresh);
    return refresh();
  };
  const { pipeline } = issue;
  switch (dialog.kind) {
    case "advance": {
      const stage = pipeline.stages.find((s) => s.name === dialog.stage);
      if (!stage) return null;
      const count = startable(stage);
      const databases = count === 1 ? "1 database" : `${count} databases`;
      return (
        <ActionDialog
          title={`Run ${stage.name}`}
          confirm={`Run on ${databases}`}
          onClose={onClose}
          run={() => pipelines.advance(pipeline.id, stage.name).then(refresh)}
        >
          <div>
            This applies the change to <strong>{databases}</strong> in{" "}
            <strong>{stage.environment_name}</strong>. It starts at once.
          </div>
        </ActionDialog>
      );
    }
    case "bypass": {
      const stage = pipeline.stages.find((s) => s.name === dialog.stage);
      return stage ? <BypassDialog pipeline={pipeline.id} stage={stage} onClose={onClose} /> : null;
    }
    case "override": {
      const stage = pipeline.stages.find((s) => s.name === dialog.stage);
      const errors = stage?.blockers.filter((b) => b.gate === "status-check") ?? [];
      return (
        <ActionDialog
          title={`Override checks of ${dialog.stage}`}
          confirm="Override"
          danger
          reason="Why may it go on without them?"
          onClose={onClose}
          run={(reason) => pipelines.override(pipeline.id, dialog.stage, reason).then(refresh)}
        >
          <div>These could not check the release:</div>
          <BlockerList blockers={errors} />
          <div>
            The override is for this stage and for what is known now: when a check reports again, it counts
            again.
            {stage?.advance === "manual" && " If nothing else holds the stage, it starts at once."}
          </div>
        </ActionDialog>
      );
    }
    case "request":
      return (
        <ActionDialog
          title="Ask again for approval"
          confirm="Ask again"
          reason="What should they know?"
          reasonNote="It is in the activity, and whoever is told of requests is told again."
          onClose={onClose}
          run={(comment) => changes.requestApproval(issue.id, comment).then(take)}
        >
          Asks everybody whose approval is missing once more. A request for changes stays until its giver
          approves, or you edit the change.
        </ActionDialog>
      );
    case "cancel":
      return (
        <ActionDialog
          title={`Cancel issue #${issue.id}`}
          confirm="Cancel this issue"
          danger
          onClose={onClose}
          run={() => changes.cancelIssue(issue.id).then(take)}
        >
          Nothing further starts. What runs is told to stop and shows what really happened; what is applied
          stays applied. You can reopen the issue later.
        </ActionDialog>
      );
    case "reopen":
      return (
        <ActionDialog
          title={`Reopen issue #${issue.id}`}
          confirm="Reopen"
          onClose={onClose}
          run={() => changes.reopenIssue(issue.id).then(take)}
        >
          Waiting tasks may start again when their gates open. Canceled and failed tasks stay as they are
          until somebody retries them.
        </ActionDialog>
      );
    case "revert":
      return <RevertDialog issue={issue} onClose={onClose} />;
    case "hold":
      return (
        <ActionDialog
          title="Put on hold"
          confirm="Hold"
          reason="Why should nothing start for now?"
          onClose={onClose}
          run={(reason) => pipelines.hold(pipeline.id, reason).then(refresh)}
        >
          No further task starts until somebody resumes. What already runs is finished.
        </ActionDialog>
      );
    case "resume":
      return (
        <ActionDialog
          title="Resume"
          confirm="Resume"
          onClose={onClose}
          run={() => pipelines.resume(pipeline.id).then(refresh)}
        >
          {pipeline.held_by?.name ?? "Somebody"} put this on hold
          {pipeline.held_reason ? `: “${pipeline.held_reason}”` : ""}. Tasks start again where their gates are
          open.
        </ActionDialog>
      );
  }
}
