import type { SlotOut } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";

/** Whether a slot filed a pipeline, or was left out because the one before was still at work. */
export function SlotBadge({ outcome }: { outcome: SlotOut["outcome"] }) {
  return outcome === "fired" ? (
    <StatusBadge status="succeeded" label="Fired" size="sm" plain />
  ) : (
    <StatusBadge status="skipped" size="sm" plain />
  );
}
