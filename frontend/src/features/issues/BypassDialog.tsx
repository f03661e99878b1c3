import { Checkbox, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { pipelines } from "@/api/endpoints";
import type { BypassGate, StageOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { bypassable } from "./bypass";

type Props = { pipeline: number; stage: StageOut; onClose: () => void };

/** In an emergency: passes over chosen gates of place and time, for exactly what the stage does now. */
export function BypassDialog({ pipeline, stage, onClose }: Props) {
  const client = useQueryClient();
  const [gates] = useState(() => bypassable(stage));
  const [chosen, setChosen] = useState<BypassGate[]>(gates.length === 1 ? gates.map((g) => g.gate) : []);
  return (
    <ActionDialog
      title={`Bypass gates of ${stage.name}`}
      confirm="Bypass"
      danger
      reason="Why can this not wait?"
      blocked={chosen.length ? undefined : "Choose at least one gate."}
      onClose={onClose}
      run={async (reason) => {
        await pipelines.bypass(pipeline, stage.name, chosen, reason);
        await client.invalidateQueries({
          predicate: (q) =>
            ["issue", "issues", "tasks", "task", "activity", "pipeline"].includes(String(q.queryKey[0])),
        });
      }}
    >
      <div>
        For what this stage does now, and for it alone. Approval, review and status checks cannot be passed
        over.
      </div>
      <Checkbox.Group
        label="Gates to pass over"
        value={chosen}
        onChange={(next) => setChosen(next as BypassGate[])}
      >
        <Stack gap={10} mt={6}>
          {gates.map((g) => (
            <Checkbox key={g.gate} size="xs" value={g.gate} label={g.label} description={g.why} />
          ))}
        </Stack>
      </Checkbox.Group>
    </ActionDialog>
  );
}
