import { Button, Group, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { NewChange, ReleaseOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { ChangesEditor } from "./ChangesEditor";
import { emptyDraft, fromRelease, missing, toRevision } from "./draft";

type Props = {
  release: ReleaseOut;
  /** Stands above the SQL: what saving does. */
  about: string;
  confirm: string;
  save: (changes: NewChange[]) => Promise<unknown>;
  onClose: () => void;
};

/** The SQL of a release, edited into another one that takes its place. */
export function RevisionEditor({ release, about, confirm, save, onClose }: Props) {
  const [draft, setDraft] = useState(() => fromRelease(release));
  const [asked, setAsked] = useState(false);
  const gaps = missing({ ...emptyDraft(), changes: draft }).filter((m) => m.field.startsWith("changes."));
  const problems = asked ? Object.fromEntries(gaps.map((m) => [m.field, m.message])) : {};
  const saving = useMutation({ mutationFn: () => save(toRevision(draft)), onSuccess: onClose });
  const submit = () => {
    setAsked(true);
    if (!gaps.length) saving.mutate();
  };
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {about}
      </Text>
      <ChangesEditor
        changes={draft}
        onChange={setDraft}
        problems={problems}
        engine={release.changes[0]?.engine ?? null}
      />
      {saving.error && <ErrorPanel error={saving.error} />}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onClose}>
          Back
        </Button>
        <Button loading={saving.isPending} onClick={submit}>
          {confirm}
        </Button>
      </Group>
    </Stack>
  );
}
