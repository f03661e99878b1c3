import type { InstanceOut } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";

/** How the last sync of an instance ended. */
export function SyncState({ instance }: { instance: InstanceOut }) {
  if (instance.last_sync_error)
    return (
      <span title={instance.last_sync_error}>
        <StatusBadge status="failed" size="sm" plain />
      </span>
    );
  if (instance.last_synced_at) return <StatusBadge status="succeeded" label="Synced" size="sm" plain />;
  return <StatusBadge status="pending" label="Not yet" size="sm" plain />;
}
