import { useQueryClient } from "@tanstack/react-query";
import { pipelines } from "@/api/endpoints";
import { taskQuery } from "@/api/queries";
import type { NewChange, TaskOut } from "@/api/types";
import { RevisionDialog } from "@/features/issues/RevisionDialog";
import { say } from "@/shared/ui/say";
import { afterTask } from "./afterTask";

type Props = { task: TaskOut; release: number; onClose: () => void };

/** Gives one database SQL of its own, where it differs from the others of its stage. */
export function EditTaskDialog({ task, release, onClose }: Props) {
  const client = useQueryClient();
  const name = task.database ?? task.name;
  const save = async (changes: NewChange[]) => {
    const fresh = await pipelines.patchTask(task.id, { changes });
    client.setQueryData(taskQuery(task.id).queryKey, fresh);
    await afterTask(client);
    say(
      `${name} has SQL of its own. Approvals of ${task.stage} do not count any more.${
        task.status === "failed" ? " Retry it to run the new SQL." : ""
      }`,
    );
  };
  return (
    <RevisionDialog
      title={`Edit the SQL for ${name} alone`}
      releaseId={release}
      about={`Only ${name} gets this SQL; later edits of the whole change leave it alone. Approvals of ${task.stage} given so far become stale.`}
      confirm={`Save for ${name}`}
      save={save}
      onClose={onClose}
    />
  );
}
