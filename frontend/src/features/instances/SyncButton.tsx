import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { RefreshCw } from "lucide-react";
import { catalog } from "@/api/endpoints";
import { may, useMe } from "@/app/session";
import { say, sayError } from "@/shared/ui/say";

/** Sync now: files a sync pipeline, or finds the one that runs already. */
export function SyncButton({ instance, project }: { instance: string; project?: string | null }) {
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const sync = useMutation({
    mutationFn: () => catalog.syncInstance(instance),
    onSuccess: async (started) => {
      void client.invalidateQueries({ queryKey: ["syncs", instance] });
      void client.invalidateQueries({ queryKey: ["instance", instance] });
      say(started.already_running ? "A sync is running already." : "Sync started.");
      await navigate({ to: "/pipelines/$pipelineId", params: { pipelineId: String(started.pipeline) } });
    },
    onError: sayError,
  });
  if (!may(me, "instance.sync") && !(project && may(me, "database.sync", project))) return null;
  return (
    <Button
      variant="default"
      leftSection={<RefreshCw size={14} aria-hidden />}
      loading={sync.isPending}
      onClick={() => sync.mutate()}
    >
      Sync now
    </Button>
  );
}
