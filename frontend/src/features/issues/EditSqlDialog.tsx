import { Button, Group, Modal, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changes as api } from "@/api/endpoints";
import { issueQuery, releaseQuery } from "@/api/queries";
import type { IssueOut, ReleaseOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { say } from "@/shared/ui/say";
import { ChangesEditor } from "./ChangesEditor";
import { type DraftChange, emptyDraft, missing } from "./draft";

type Props = { issue: IssueOut; releaseId: number; onClose: () => void; onSaved: (issue: IssueOut) => void };

const toDraft = (release: ReleaseOut): DraftChange[] =>
  release.changes.map((c, i) => ({ key: i + 1, version: c.version, name: c.name, statement: c.statement }));

function Editor({ issue, release, onClose, onSaved }: Omit<Props, "releaseId"> & { release: ReleaseOut }) {
  const client = useQueryClient();
  const [draft, setDraft] = useState(() => toDraft(release));
  const [asked, setAsked] = useState(false);
  const gaps = missing({ ...emptyDraft(), changes: draft }).filter((m) => m.field.startsWith("changes."));
  const problems = asked ? Object.fromEntries(gaps.map((m) => [m.field, m.message])) : {};
  const save = useMutation({
    mutationFn: () =>
      api.putRelease(issue.id, {
        changes: draft.map((c, i) => ({
          version: c.version.trim() || null,
          name: c.name.trim(),
          statement: c.statement,
          environments: release.changes[i]?.environments ?? null,
        })),
      }),
    onSuccess: async (fresh) => {
      onSaved(fresh);
      client.setQueryData(issueQuery(issue.id).queryKey, fresh);
      await client.invalidateQueries({
        predicate: (q) => ["tasks", "task", "activity", "issues"].includes(String(q.queryKey[0])),
      });
      say(`Saved as revision ${fresh.revision}. Earlier approvals do not count any more.`);
      onClose();
    },
  });
  const submit = () => {
    setAsked(true);
    if (!gaps.length) save.mutate();
  };
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        Saving makes a new revision: approvals given so far become stale, and reviewers see what changed.
      </Text>
      <ChangesEditor
        changes={draft}
        onChange={setDraft}
        problems={problems}
        engine={release.changes[0]?.engine ?? null}
      />
      {save.error && <ErrorPanel error={save.error} />}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onClose}>
          Back
        </Button>
        <Button loading={save.isPending} onClick={submit}>
          Save as revision {issue.revision + 1}
        </Button>
      </Group>
    </Stack>
  );
}

/** Editing the SQL of a change that has not been applied yet. */
export function EditSqlDialog(props: Props) {
  const release = useQuery(releaseQuery(props.releaseId));
  return (
    <Modal
      opened
      onClose={props.onClose}
      title={`Edit the SQL of #${props.issue.id}`}
      size={860}
      closeOnEscape={false}
      closeOnClickOutside={false}
    >
      <QueryGate query={release} skeleton={<Skeleton h={240} />}>
        {(data) => <Editor {...props} release={data} />}
      </QueryGate>
    </Modal>
  );
}
