import {
  Ban,
  Check,
  CircleDashed,
  CircleDot,
  Clock,
  LoaderCircle,
  type LucideIcon,
  Pause,
  SkipForward,
  TriangleAlert,
  X,
} from "lucide-react";
import classes from "./StatusBadge.module.css";
import { statusLook } from "./status";

const ICONS: Record<string, LucideIcon> = {
  pending: CircleDashed,
  waiting: Clock,
  blocked: Clock,
  ready: CircleDot,
  scheduled: LoaderCircle,
  running: LoaderCircle,
  canceling: LoaderCircle,
  succeeded: Check,
  done: Check,
  failed: X,
  error: TriangleAlert,
  canceled: Ban,
  skipped: SkipForward,
  open: CircleDot,
  held: Pause,
  drifted: TriangleAlert,
  ignored: Pause,
  accepted: Check,
  ended: Check,
};
const TURNING = new Set(["running", "scheduled", "canceling"]);

type Props = { status: string; label?: string; size?: "sm" | "md"; plain?: boolean };

/** Status is always icon + word; colour only repeats it. `plain` drops the pill for dense tables. */
export function StatusBadge({ status, label, size = "md", plain = false }: Props) {
  const look = statusLook(status);
  const Icon = ICONS[status] ?? CircleDashed;
  return (
    <span
      className={classes.badge}
      data-tone={look.tone}
      data-size={size}
      data-plain={plain || undefined}
      data-status={status}
    >
      <Icon size={size === "sm" ? 12 : 13} className={TURNING.has(status) ? "spin" : undefined} aria-hidden />
      {label ?? look.label}
    </span>
  );
}
