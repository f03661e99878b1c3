import { TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type FreezePlace, freezes } from "@/api/endpoints";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { untilOf } from "./places";

type Props = { place: FreezePlace; name: string; onClose: () => void };

/** Lets nothing start in a place: with a reason that everybody sees, and an end if one is known. */
export function FreezeDialog({ place, name, onClose }: Props) {
  const client = useQueryClient();
  const [local, setLocal] = useState("");
  const read = untilOf(local);
  const everything = place === "workspace";
  return (
    <ActionDialog
      title={everything ? "Stop everything" : `Freeze ${name}`}
      confirm={everything ? "Stop everything" : "Freeze"}
      danger
      reason="Why should nothing start?"
      reasonNote="Everybody whose work waits sees it; it is kept in the audit log."
      blocked={read.problem}
      onClose={onClose}
      run={async (reason) => {
        await freezes.put(place, reason, read.until);
        await client.invalidateQueries();
      }}
    >
      <div>
        {everything
          ? "Nothing further starts anywhere, in no project, until somebody ends this."
          : "Nothing further starts there."}{" "}
        What already runs is finished.
      </div>
      {!everything && (
        <TextInput
          type="datetime-local"
          label="Until"
          description="In your time zone. Empty: until somebody ends it."
          value={local}
          error={read.problem}
          onChange={(e) => setLocal(e.currentTarget.value)}
        />
      )}
    </ActionDialog>
  );
}
