import { Button, Modal, Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { slotsQuery } from "@/api/queries";
import type { ScheduleOut } from "@/api/types";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { absolute } from "@/shared/ui/time";
import classes from "./Schedules.module.css";
import { SlotBadge } from "./SlotBadge";

/** The next slots of a schedule, and what became of the last ones. */
export function SlotsDialog({ schedule, onClose }: { schedule: ScheduleOut; onClose: () => void }) {
  const query = useInfiniteQuery(slotsQuery(schedule.id));
  const slots = query.data?.pages.flatMap((p) => p.items) ?? [];
  const jitter = schedule.jitter_seconds;
  return (
    <Modal opened onClose={onClose} title={`Slots of ${schedule.instance}`} size="md">
      <Stack gap="md">
        <section>
          <Title order={3} size="h5">
            Next
          </Title>
          {schedule.next_slots.length ? (
            <>
              <ul className={classes.slots} aria-label="Next slots">
                {schedule.next_slots.map((slot) => (
                  <li key={slot}>
                    <time dateTime={slot}>{absolute(slot)}</time>
                  </li>
                ))}
              </ul>
              {jitter > 0 && (
                <Text size="sm" c="dimmed" mt={6}>
                  Each is acted upon {jitter} s later, so that not all servers are asked at once.
                </Text>
              )}
            </>
          ) : (
            <Text size="sm" c="dimmed">
              It is switched off. What is missed meanwhile is not made up for.
            </Text>
          )}
        </section>
        <section>
          <Title order={3} size="h5">
            Last
          </Title>
          <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
            {() =>
              slots.length ? (
                <ul className={classes.slots} aria-label="Last slots">
                  {slots.map((s) => (
                    <li key={s.slot}>
                      <time dateTime={s.slot}>{absolute(s.slot)}</time>
                      <SlotBadge outcome={s.outcome} />
                      {s.pipeline !== null && (
                        <Link to="/pipelines/$pipelineId" params={{ pipelineId: String(s.pipeline) }}>
                          Pipeline #{s.pipeline}
                        </Link>
                      )}
                    </li>
                  ))}
                </ul>
              ) : (
                <Text size="sm" c="dimmed">
                  None yet.
                </Text>
              )
            }
          </QueryGate>
          {query.hasNextPage && (
            <Button
              mt="sm"
              variant="default"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              Show more
            </Button>
          )}
        </section>
      </Stack>
    </Modal>
  );
}
