import { Button, Modal, Stack, Switch, Text } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { checks } from "@/api/endpoints";
import { checkHistoryQuery } from "@/api/queries";
import type { CheckCell } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { say } from "@/shared/ui/say";
import classes from "./Checks.module.css";
import { ReportRow } from "./ReportRow";

type Props = {
  project: string;
  context: string;
  cell: CheckCell;
  environment: string;
  mayRequire: boolean;
  onClose: () => void;
};

/** One context in one environment: whether a release needs it to leave, and everything it has said. */
export function CheckDialog({ project, context, cell, environment, mayRequire, onClose }: Props) {
  const client = useQueryClient();
  const history = useInfiniteQuery(checkHistoryQuery(project, cell.environment, context));
  const reports = history.data?.pages.flatMap((p) => p.items) ?? [];
  const require = useMutation({
    mutationFn: (on: boolean) => checks.require(project, cell.environment, context, on),
    onSuccess: async (_, on) => {
      await client.invalidateQueries({ queryKey: ["checks"] });
      say(
        on
          ? `${context} is required in ${environment}.`
          : `${context} is no longer required in ${environment}.`,
      );
    },
  });
  return (
    <Modal opened onClose={onClose} title={`${context} in ${environment}`} size="lg">
      <Stack gap="md">
        {mayRequire ? (
          <Switch
            label={`Required to leave ${environment}`}
            description="A release goes on to the next environment only when this check reports success."
            checked={cell.required}
            disabled={require.isPending}
            onChange={(e) => require.mutate(e.currentTarget.checked)}
          />
        ) : (
          <Text size="sm">
            {cell.required
              ? `Required to leave ${environment}.`
              : `Not required to leave ${environment}. A project owner can change that.`}
          </Text>
        )}
        {require.error && <ErrorPanel error={require.error} />}
        <QueryGate query={history} skeleton={<SkeletonRows rows={3} />}>
          {() =>
            reports.length ? (
              <ul className={classes.reports} aria-label="History">
                {reports.map((r) => (
                  <ReportRow key={r.id} report={r} about={`release #${r.release}`} />
                ))}
              </ul>
            ) : (
              <Text size="sm" c="dimmed">
                Nothing has been reported here yet.
              </Text>
            )
          }
        </QueryGate>
        {history.hasNextPage && (
          <Button
            variant="default"
            loading={history.isFetchingNextPage}
            onClick={() => void history.fetchNextPage()}
          >
            Show more
          </Button>
        )}
      </Stack>
    </Modal>
  );
}
