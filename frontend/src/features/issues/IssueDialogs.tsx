import { useQueryClient } from "@tanstack/react-query";
import { changes, pipelines } from "@/api/endpoints";
import { issueQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { startable } from "./issueAction";

export type IssueDialog =
  | { kind: "advance"; stage: string }
  | { kind: "cancel" }
  | { kind: "reopen" }
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
