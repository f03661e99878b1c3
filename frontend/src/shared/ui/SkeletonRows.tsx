import { Group, Skeleton, Stack } from "@mantine/core";

/** Rows in the shape of the list that is coming. */
export function SkeletonRows({
  rows = 6,
  widths = [40, 320, 110, 90],
}: {
  rows?: number;
  widths?: number[];
}) {
  return (
    <Stack gap={0}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike and never move
        <Group key={row} h={42} px={14} gap="lg" wrap="nowrap" style={{ overflow: "hidden" }}>
          {widths.map((width) => (
            <Skeleton key={width} h={12} w={width} maw="40%" radius="sm" />
          ))}
        </Group>
      ))}
    </Stack>
  );
}
