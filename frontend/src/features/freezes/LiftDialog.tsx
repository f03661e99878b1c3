import { useQueryClient } from "@tanstack/react-query";
import { freezes } from "@/api/endpoints";
import type { Frozen } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { isStop, placeOf } from "./places";

type Props = { freeze: Frozen; onClose: () => void };

/** Ends a freeze: asks first, because everything that waits behind it starts. */
export function LiftDialog({ freeze, onClose }: Props) {
  const client = useQueryClient();
  const name = freeze.environment ?? freeze.project;
  return (
    <ActionDialog
      title={isStop(freeze) ? "Let work start again" : `End the freeze of ${name}`}
      confirm={isStop(freeze) ? "Let work start again" : "End the freeze"}
      onClose={onClose}
      run={async () => {
        await freezes.lift(placeOf(freeze));
        await client.invalidateQueries();
      }}
    >
      <div>
        {freeze.by.name} said why: “{freeze.reason}”. Stages whose other gates are open start at once.
      </div>
    </ActionDialog>
  );
}
