import { Button, Stack, Switch, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { schedulesQuery } from "@/api/queries";
import type { ScheduleOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { say } from "@/shared/ui/say";
import { TimeAgo } from "@/shared/ui/TimeAgo";

const QUARTERLY = "*/15 * * * *";

function Form({
  instance,
  schedule,
  mayEdit,
}: {
  instance: string;
  schedule: ScheduleOut | undefined;
  mayEdit: boolean;
}) {
  const client = useQueryClient();
  const [cron, setCron] = useState(schedule?.cron ?? QUARTERLY);
  const [zone, setZone] = useState(schedule?.time_zone ?? "UTC");
  const [enabled, setEnabled] = useState(schedule?.enabled ?? true);
  const save = useMutation({
    mutationFn: () =>
      schedule
        ? catalog.patchSchedule(schedule.id, { cron: cron.trim(), time_zone: zone.trim(), enabled })
        : catalog.createSchedule({ instance, cron: cron.trim(), time_zone: zone.trim(), enabled }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["schedules"] });
      say("Schedule saved.");
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="sm">
        {!schedule && (
          <Text size="sm" c="dimmed">
            No schedule: this server is synced only when somebody asks.
          </Text>
        )}
        <TextInput
          label="Cron"
          description="minute hour day month weekday"
          value={cron}
          readOnly={!mayEdit}
          error={fieldProblem(save.error, "cron")}
          onChange={(e) => setCron(e.currentTarget.value)}
        />
        <TextInput
          label="Time zone"
          value={zone}
          readOnly={!mayEdit}
          error={fieldProblem(save.error, "time_zone")}
          onChange={(e) => setZone(e.currentTarget.value)}
        />
        {mayEdit && (
          <Switch
            size="sm"
            label="On"
            checked={enabled}
            onChange={(e) => setEnabled(e.currentTarget.checked)}
          />
        )}
        {schedule?.next_at && schedule.enabled && (
          <Text size="sm" c="dimmed">
            Next sync <TimeAgo iso={schedule.next_at} />
          </Text>
        )}
        {save.error && <ErrorPanel error={save.error} />}
        {mayEdit && (
          <Button type="submit" variant="default" loading={save.isPending}>
            {schedule ? "Save schedule" : "Add schedule"}
          </Button>
        )}
      </Stack>
    </form>
  );
}

/** When this server's schemas are read by themselves. */
export function SchedulePanel({ instance, mayEdit }: { instance: string; mayEdit: boolean }) {
  const query = useQuery(schedulesQuery);
  return (
    <Panel title="Schedule">
      <QueryGate query={query} skeleton={null}>
        {(all) => {
          const schedule = all.find((s) => s.instance === instance);
          return (
            <Form key={schedule?.id ?? "new"} instance={instance} schedule={schedule} mayEdit={mayEdit} />
          );
        }}
      </QueryGate>
    </Panel>
  );
}
