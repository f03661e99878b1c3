import { Button, Switch } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CalendarClock, Plus } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { catalog } from "@/api/endpoints";
import { ApiError } from "@/api/errors";
import { schedulesQuery } from "@/api/queries";
import type { ScheduleOut } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { NotFound } from "@/shared/ui/NotFound";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { sayError } from "@/shared/ui/say";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Schedules.module.css";
import { SlotBadge } from "./SlotBadge";

const ScheduleDialog = lazy(() => import("./ScheduleDialog").then((m) => ({ default: m.ScheduleDialog })));
const SlotsDialog = lazy(() => import("./SlotsDialog").then((m) => ({ default: m.SlotsDialog })));

type Open = { kind: "edit" | "slots"; schedule: number } | { kind: "new" };

/** What happens by itself, and when: every schedule with its next and its last slots. */
export function SchedulesPage() {
  const me = useMe();
  const mayEdit = mayInWorkspace(me, "schedule.edit");
  const client = useQueryClient();
  const query = useQuery({ ...schedulesQuery, retry: false });
  const [open, setOpen] = useState<Open | null>(null);
  const toggle = useMutation({
    mutationFn: (s: ScheduleOut) => catalog.patchSchedule(s.id, { enabled: !s.enabled }),
    onSettled: () => client.invalidateQueries({ queryKey: ["schedules"] }),
    onError: sayError,
  });
  if (query.error instanceof ApiError && [403, 404].includes(query.error.status)) return <NotFound />;
  const columns: Column<ScheduleOut>[] = [
    {
      key: "instance",
      header: "Sync of",
      cell: (s) => (
        <Link to="/instances/$slug" params={{ slug: s.instance }}>
          {s.instance}
        </Link>
      ),
    },
    { key: "cron", header: "Cron", cell: (s) => <span className="mono">{s.cron}</span> },
    { key: "zone", header: "Time zone", from: "md", cell: (s) => s.time_zone },
    {
      key: "next",
      header: "Next",
      from: "sm",
      cell: (s) => (s.enabled ? <TimeAgo iso={s.next_at} /> : "Off"),
    },
    {
      key: "last",
      header: "Last",
      from: "md",
      cell: (s) =>
        s.last_slot && s.last_outcome ? (
          <>
            <TimeAgo iso={s.last_slot} /> <SlotBadge outcome={s.last_outcome} />
          </>
        ) : (
          "Never"
        ),
    },
    {
      key: "slots",
      header: "Slots",
      align: "right",
      cell: (s) => (
        <Button
          variant="default"
          aria-label={`Slots of ${s.instance}`}
          onClick={() => setOpen({ kind: "slots", schedule: s.id })}
        >
          Slots
        </Button>
      ),
    },
  ];
  if (mayEdit)
    columns.push(
      {
        key: "edit",
        header: "Edit",
        from: "sm",
        align: "right",
        cell: (s) => (
          <Button
            variant="default"
            aria-label={`Edit the schedule of ${s.instance}`}
            onClick={() => setOpen({ kind: "edit", schedule: s.id })}
          >
            Edit
          </Button>
        ),
      },
      {
        key: "on",
        header: "On",
        align: "right",
        cell: (s) => (
          <Switch
            className={classes.on}
            aria-label={`The schedule of ${s.instance} is on`}
            checked={s.enabled}
            onChange={() => toggle.mutate(s)}
          />
        ),
      },
    );
  const add = mayEdit ? (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setOpen({ kind: "new" })}>
      Add schedule
    </Button>
  ) : undefined;
  const all = query.data ?? [];
  const chosen = open && open.kind !== "new" ? all.find((s) => s.id === open.schedule) : undefined;
  return (
    <Page title="Schedules" lead="What happens by itself: when schemas are read from servers." actions={add}>
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={4} />}>
          {(rows) =>
            rows.length ? (
              <DataTable
                label="Schedules"
                columns={columns}
                rows={rows}
                rowKey={(s) => s.id}
                dim={(s) => !s.enabled}
              />
            ) : (
              <EmptyPanel icon={CalendarClock} title="No schedules" action={add}>
                A server that is added gets one: its schemas are read every 15 minutes.
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      <Suspense>
        {open?.kind === "new" && (
          <ScheduleDialog
            schedule={undefined}
            taken={all.map((s) => s.instance)}
            onClose={() => setOpen(null)}
          />
        )}
        {open?.kind === "edit" && chosen && (
          <ScheduleDialog schedule={chosen} taken={[]} onClose={() => setOpen(null)} />
        )}
        {open?.kind === "slots" && chosen && <SlotsDialog schedule={chosen} onClose={() => setOpen(null)} />}
      </Suspense>
    </Page>
  );
}
