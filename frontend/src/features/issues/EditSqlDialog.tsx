import { useQueryClient } from "@tanstack/react-query";
import { changes as api } from "@/api/endpoints";
import { issueQuery } from "@/api/queries";
import type { IssueOut, NewChange } from "@/api/types";
import { say } from "@/shared/ui/say";
import { RevisionDialog } from "./RevisionDialog";

type Props = { issue: IssueOut; releaseId: number; onClose: () => void; onSaved: (issue: IssueOut) => void };

/** Editing the SQL of a change that has not been applied yet. */
export function EditSqlDialog({ issue, releaseId, onClose, onSaved }: Props) {
  const client = useQueryClient();
  const save = async (changes: NewChange[]) => {
    const fresh = await api.putRelease(issue.id, { changes });
    onSaved(fresh);
    client.setQueryData(issueQuery(issue.id).queryKey, fresh);
    await client.invalidateQueries({
      predicate: (q) => ["tasks", "task", "activity", "issues"].includes(String(q.queryKey[0])),
    });
    say(`Saved as revision ${fresh.revision}. Earlier approvals do not count any more.`);
  };
  return (
    <RevisionDialog
      title={`Edit the SQL of #${issue.id}`}
      releaseId={releaseId}
      about="Saving makes a new revision: approvals given so far become stale, and reviewers see what changed."
      confirm={`Save as revision ${issue.revision + 1}`}
      save={save}
      onClose={onClose}
    />
  );
}
