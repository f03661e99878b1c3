import { Button, NumberInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { instancesQuery } from "@/api/queries";
import type { ScheduleOut } from "@/api/types";
import { FormDialog } from "@/features/settings/FormDialog";
import { say } from "@/shared/ui/say";

type Props = { schedule: ScheduleOut | undefined; taken: string[]; onClose: () => void };

/** When schemas of a server are read: a new schedule, or a change of one. */
export function ScheduleDialog({ schedule, taken, onClose }: Props) {
  const client = useQueryClient();
  const instances = useQuery({ ...instancesQuery({ page_size: 200 }), enabled: !schedule });
  const [instance, setInstance] = useState(schedule?.instance ?? "");
  const [cron, setCron] = useState(schedule?.cron ?? "*/15 * * * *");
  const [zone, setZone] = useState(schedule?.time_zone ?? "UTC");
  const [jitter, setJitter] = useState<number | "">(schedule?.jitter_seconds ?? "");
  const [asked, setAsked] = useState(false);
  const done = async (what: string) => {
    await client.invalidateQueries({ queryKey: ["schedules"] });
    say(what);
    onClose();
  };
  const save = useMutation({
    mutationFn: () => {
      const times = { cron: cron.trim(), time_zone: zone.trim() };
      if (schedule)
        return catalog.patchSchedule(schedule.id, {
          ...times,
          ...(jitter === "" ? {} : { jitter_seconds: jitter }),
        });
      return catalog.createSchedule({
        ...times,
        instance,
        jitter_seconds: jitter === "" ? null : jitter,
        enabled: true,
      });
    },
    onSuccess: () => done("Schedule saved."),
  });
  const remove = useMutation({
    mutationFn: (id: number) => catalog.deleteSchedule(id),
    onSuccess: () => done("Schedule removed. What it filed stays."),
  });
  const free = (instances.data ?? []).filter((i) => !taken.includes(i.slug));
  return (
    <FormDialog
      title={schedule ? `Schedule of ${schedule.instance}` : "Add schedule"}
      confirm="Save"
      pending={save.isPending}
      error={save.error ?? remove.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (instance) save.mutate();
      }}
    >
      {!schedule && (
        <Select
          label="Server"
          description="One that has no schedule yet."
          searchable
          data-autofocus
          data={free.map((i) => ({ value: i.slug, label: i.name }))}
          value={instance || null}
          error={asked && !instance ? "Which server?" : fieldProblem(save.error, "instance")}
          onChange={(slug) => setInstance(slug ?? "")}
        />
      )}
      <TextInput
        label="Cron"
        description="minute hour day month weekday"
        value={cron}
        error={fieldProblem(save.error, "cron")}
        onChange={(e) => setCron(e.currentTarget.value)}
      />
      <TextInput
        label="Time zone"
        value={zone}
        error={fieldProblem(save.error, "time_zone")}
        onChange={(e) => setZone(e.currentTarget.value)}
      />
      <NumberInput
        label="Jitter in seconds"
        description="How much later than its times it acts. Empty: some seconds of its own."
        min={0}
        max={3600}
        allowDecimal={false}
        value={jitter}
        error={fieldProblem(save.error, "jitter_seconds")}
        onChange={(v) => setJitter(v === "" ? "" : Number(v))}
      />
      {schedule && (
        <Button
          variant="default"
          color="red"
          leftSection={<Trash2 size={14} aria-hidden />}
          loading={remove.isPending}
          onClick={() => remove.mutate(schedule.id)}
        >
          Remove this schedule
        </Button>
      )}
    </FormDialog>
  );
}
