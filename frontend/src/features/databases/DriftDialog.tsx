import { Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import type { DriftOut } from "@/api/types";
import { FormDialog } from "@/features/settings/FormDialog";
import { say } from "@/shared/ui/say";
import { untilIso } from "./driftText";

type Props = { drift: DriftOut; action: "accept" | "ignore"; onClose: () => void };

/** Expect a database to be as it is, or let it wait; bound to what the page shows. */
export function DriftDialog({ drift, action, onClose }: Props) {
  const client = useQueryClient();
  const [comment, setComment] = useState("");
  const [until, setUntil] = useState("");
  const accepts = action === "accept";
  const save = useMutation({
    mutationFn: () => {
      const said = { comment: comment.trim(), found: drift.found };
      return accepts
        ? catalog.acceptDrift(drift.id, said)
        : catalog.ignoreDrift(drift.id, { ...said, until: untilIso(until) });
    },
    onSuccess: async () => {
      say(accepts ? `${drift.database_name} is expected to be as it is.` : "The drift is ignored.");
      onClose();
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["drifts"] }),
        client.invalidateQueries({ queryKey: ["drift"] }),
      ]),
  });
  return (
    <FormDialog
      title={
        accepts ? `Accept ${drift.database_name} as it is` : `Ignore the drift of ${drift.database_name}`
      }
      confirm={accepts ? "Accept" : "Ignore"}
      pending={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={() => save.mutate()}
    >
      <Text size="sm">
        {accepts
          ? "What was found is expected from now on. Nothing is written anywhere: to have the same in other databases, file it as a change."
          : "It stays listed as ignored until the database changes again past Penstock, or until a time."}
      </Text>
      {!accepts && (
        <TextInput
          type="datetime-local"
          label="Until"
          description="In your time zone. Empty: until it changes again."
          value={until}
          error={fieldProblem(save.error, "until")}
          onChange={(e) => setUntil(e.currentTarget.value)}
        />
      )}
      <Textarea
        label="Comment"
        description="Members of the project see it; it is kept in the audit log."
        autosize
        minRows={2}
        maxRows={8}
        data-autofocus
        value={comment}
        error={fieldProblem(save.error, "comment")}
        onChange={(e) => setComment(e.currentTarget.value)}
      />
    </FormDialog>
  );
}
