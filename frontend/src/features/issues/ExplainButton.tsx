import { Button, Popover, Stack, Text } from "@mantine/core";
import { CircleHelp } from "lucide-react";
import { useState } from "react";
import type { Blocker } from "@/api/types";
import { BlockerList } from "./BlockerList";

type Props = { label: string; blockers: Blocker[]; needs: string };

/** A button that cannot act now is not disabled: pressing it lists everything that is in the way, and who can clear it. */
export function ExplainButton({ label, blockers, needs }: Props) {
  const [opened, setOpened] = useState(false);
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      width={340}
      position="bottom-end"
      withRoles
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          rightSection={<CircleHelp size={14} aria-hidden />}
          onClick={() => setOpened(!opened)}
        >
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs" tabIndex={-1} data-autofocus>
          <Text size="sm" fw={600}>
            Not yet
          </Text>
          {blockers.length > 0 ? <BlockerList blockers={blockers} /> : <Text size="sm">{needs}</Text>}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
