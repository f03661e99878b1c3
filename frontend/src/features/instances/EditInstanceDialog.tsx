import { Button, Group, Modal, Stack } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { instanceQuery } from "@/api/queries";
import type { InstanceOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { say } from "@/shared/ui/say";
import { ConnectionFields } from "./ConnectionFields";
import { connectionProblems, fromInstance, needsPassword, toPatch } from "./connection";

export function EditInstanceDialog({ instance, onClose }: { instance: InstanceOut; onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState(() => fromInstance(instance));
  const [asked, setAsked] = useState(false);
  const patch = toPatch(instance, form);
  const gaps = connectionProblems(form);
  if (instance.dsn_env) delete gaps.username;
  if (needsPassword(instance, patch))
    gaps.password = "A new address or TLS mode drops the stored password: type it again.";
  const save = useMutation({
    mutationFn: () => catalog.patchInstance(instance.slug, instance.version, patch),
    onSuccess: (fresh) => {
      client.setQueryData(instanceQuery(instance.slug).queryKey, fresh);
      void client.invalidateQueries({ queryKey: ["instances"] });
      say("Saved.");
      onClose();
    },
  });
  const problems = {
    ...Object.fromEntries(
      (["host", "port", "username", "password"] as const).map((f) => [f, fieldProblem(save.error, f)]),
    ),
    ...(asked ? gaps : {}),
  };
  return (
    <Modal opened onClose={onClose} title={`Edit ${instance.name}`} size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(true);
          if (!Object.keys(gaps).length) save.mutate();
        }}
      >
        <Stack gap="md">
          <ConnectionFields
            value={form}
            editing
            hasPassword={instance.has_password}
            onChange={(some) => setForm({ ...form, ...some })}
            problems={problems}
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
