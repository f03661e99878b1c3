import { Button, Popover, Skeleton } from "@mantine/core";
import { ChevronDown } from "lucide-react";
import { lazy, Suspense } from "react";
import type { ReviewProps } from "./ReviewForm";

const ReviewForm = lazy(() => import("./ReviewForm").then((m) => ({ default: m.ReviewForm })));

type Props = ReviewProps & { opened: boolean; onOpened: (opened: boolean) => void };

/** Approve or request changes, for chosen stages, on exactly what was seen. Approving never runs anything by itself. */
export function ReviewPopover({ opened, onOpened, ...rest }: Props) {
  return (
    <Popover
      opened={opened}
      onChange={onOpened}
      width={340}
      position="bottom-end"
      trapFocus
      withRoles
      returnFocus
    >
      <Popover.Target>
        <Button rightSection={<ChevronDown size={14} aria-hidden />} onClick={() => onOpened(!opened)}>
          Review
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Suspense fallback={<Skeleton h={220} />}>
          <ReviewForm {...rest} onDone={() => onOpened(false)} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}
