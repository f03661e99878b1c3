import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { changes } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { issueQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";

/** Title and description: words about the change, which approvals do not cover. */
export function EditTextDialog({ issue, onClose }: { issue: IssueOut; onClose: () => void }) {
  const client = useQueryClient();
  const [title, setTitle] = useState(issue.title);
  const [description, setDescription] = useState(issue.description);
  const save = useMutation({
    mutationFn: () => changes.patchIssue(issue.id, { title: title.trim(), description }),
    onSuccess: (fresh) => {
      client.setQueryData(issueQuery(issue.id).queryKey, fresh);
      void client.invalidateQueries({ queryKey: ["activity", issue.id] });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (title.trim()) save.mutate();
  };
  return (
    <Modal opened onClose={onClose} title="Edit title and description" size="lg">
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label="Title"
            value={title}
            maxLength={200}
            error={title.trim() ? fieldProblem(save.error, "title") : "A change needs a title."}
            onChange={(e) => setTitle(e.currentTarget.value)}
          />
          <Textarea
            label="Description"
            autosize
            minRows={5}
            maxRows={18}
            value={description}
            error={fieldProblem(save.error, "description")}
            onChange={(e) => setDescription(e.currentTarget.value)}
          />
          {save.error && <ErrorPanel error={save.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" loading={save.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
