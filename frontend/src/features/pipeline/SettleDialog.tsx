import { Checkbox, Radio, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { pipelines } from "@/api/endpoints";
import type { NewSettlement, TaskOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { afterTask } from "./afterTask";
import { awayOf, inWords, lastAway } from "./away";
import { settleText } from "./taskState";

type Props = { task: TaskOut; version: string | undefined; onClose: () => void };

/** What is still to be said before anything is settled. */
function lacking(task: TaskOut, outcome: string | undefined, gone: boolean): string | undefined {
  if (!outcome) return "Say which of the two it is.";
  // The next attempt of such a task finds out by itself, as long as there is a database to ask.
  if (task.status !== "failed" && !gone) return "Say that the database will not come back, or wait for it.";
  return undefined;
}

/**
 * A person says what the database holds. It is written into the ledger there, and into the audit log here. Where there is no
 * database any more, and the server agrees that it has been away for long, only here.
 */
export function SettleDialog({ task, version, onClose }: Props) {
  const client = useQueryClient();
  const [outcome, setOutcome] = useState<NewSettlement["outcome"]>();
  const [away, setAway] = useState(() => lastAway(task.failure));
  const [gone, setGone] = useState(false);
  return (
    <ActionDialog
      title={`Settle ${task.database ?? task.name}`}
      confirm={gone ? "Settle without the database" : "Settle"}
      danger={gone}
      reason="How do you know?"
      blocked={lacking(task, outcome, gone)}
      onClose={onClose}
      run={async (reason) => {
        if (!outcome) return;
        try {
          await pipelines.settleTask(task.id, { outcome, reason, unreachable: gone });
        } catch (error) {
          if (awayOf(error)) setAway(true);
          throw inWords(error, gone);
        }
        await afterTask(client);
      }}
    >
      <Radio.Group
        label={gone ? "What is true of the change?" : "What did you find in the database?"}
        value={outcome ?? null}
        onChange={(value) => setOutcome(value as NewSettlement["outcome"])}
      >
        <Stack gap="xs" mt={6}>
          <Radio
            value="applied"
            label="The change is there, all of it"
            description={settleText("applied", version, gone)}
          />
          <Radio
            value="not_applied"
            label="Nothing of the change is there"
            description={settleText("not_applied", version, gone)}
          />
        </Stack>
      </Radio.Group>
      {away && (
        <Checkbox
          label="The database cannot be reached and will not come back"
          description="Then nothing is written into it, now or later: only Penstock's records say what you say here. It must have been away for ten minutes. If it answers after all, it is asked."
          checked={gone}
          onChange={(e) => setGone(e.currentTarget.checked)}
        />
      )}
    </ActionDialog>
  );
}
