import { useNavigate } from "@tanstack/react-router";
import { releases } from "@/api/endpoints";
import type { IssueOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { say } from "@/shared/ui/say";

/** Files the issue that takes this one back; a refusal names the changes that do not say how. */
export function RevertDialog({ issue, onClose }: { issue: IssueOut; onClose: () => void }) {
  const go = useNavigate();
  const run = async () => {
    const made = await releases.revert(issue.id);
    say(`Issue #${made.issue} takes back issue #${issue.id}.`);
    await go({ to: "/issues/$issueId", params: { issueId: String(made.issue) } });
  };
  return (
    <ActionDialog
      title={`Take back issue #${issue.id}`}
      confirm="Create revert issue"
      onClose={onClose}
      run={run}
    >
      <div>
        This files a new issue with the <strong>revert</strong> of every change that this one applied, last
        change first, for the databases that it applied them to. It is reviewed, approved and run like any
        other. Where it needs nobody's approval, it starts at once.
      </div>
    </ActionDialog>
  );
}
