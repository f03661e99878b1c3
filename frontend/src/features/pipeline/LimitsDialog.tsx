import { Button, Group, Modal, NumberInput, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { pipelines } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import type { StageOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { afterTask } from "./afterTask";
import { toLimit } from "./limits";

type Props = { pipeline: number; stage: StageOut; onClose: () => void };

/** How many tasks of a stage run at once, and after how many failures no more start. Counts at once. */
export function LimitsDialog({ pipeline, stage, onClose }: Props) {
  const client = useQueryClient();
  const [parallel, setParallel] = useState<number | string>(stage.max_parallel ?? "");
  const [failures, setFailures] = useState<number | string>(stage.max_failures ?? "");
  const save = useMutation({
    mutationFn: () =>
      pipelines.patchStage(pipeline, stage.name, {
        max_parallel: toLimit(parallel),
        max_failures: toLimit(failures),
      }),
    onSuccess: async () => {
      await afterTask(client);
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Limits of ${stage.name}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            They count at once, also for what waits already. Empty means no limit.
          </Text>
          <NumberInput
            label="Tasks at once"
            placeholder="No limit"
            min={1}
            value={parallel}
            error={fieldProblem(save.error, "max_parallel")}
            onChange={setParallel}
          />
          <NumberInput
            label="Failures after which nothing more starts"
            placeholder="No limit"
            min={1}
            value={failures}
            error={fieldProblem(save.error, "max_failures")}
            onChange={setFailures}
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
