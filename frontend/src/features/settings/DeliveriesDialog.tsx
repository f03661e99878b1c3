import { Button, Modal } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCcw, Send } from "lucide-react";
import { plugins } from "@/api/endpoints";
import { deliveriesQuery } from "@/api/queries";
import type { DeliveryOut, PluginOut } from "@/api/types";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { say, sayError } from "@/shared/ui/say";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Settings.module.css";

const BADGES = {
  pending: { status: "waiting", label: "Trying" },
  delivered: { status: "succeeded", label: "Delivered" },
  dead: { status: "failed", label: "Given up" },
} as const;

function said(delivery: DeliveryOut): string {
  const tries = delivery.attempts === 1 ? "1 try" : `${delivery.attempts} tries`;
  const took = delivery.last_ms === null ? "" : ` · ${delivery.last_ms} ms`;
  return `${tries}${took}${delivery.last_error ? ` · ${delivery.last_error}` : ""}`;
}

/** The last messages to a plugin, and what became of them. */
export function DeliveriesDialog({ plugin, onClose }: { plugin: PluginOut; onClose: () => void }) {
  const client = useQueryClient();
  const query = useQuery(deliveriesQuery(plugin.id));
  const replay = useMutation({
    mutationFn: plugins.replay,
    onSuccess: async () => {
      say("It is sent again.");
      await client.invalidateQueries({ queryKey: ["deliveries", plugin.id] });
      await client.invalidateQueries({ queryKey: ["plugins"] });
    },
    onError: sayError,
  });
  return (
    <Modal opened onClose={onClose} title={`Messages to ${plugin.name}`} size="lg">
      <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
        {(page) =>
          page.items.length ? (
            <ul className={classes.rows}>
              {page.items.map((d) => (
                <li key={d.id} className={classes.row}>
                  <div className={classes.grow}>
                    <div className={classes.name}>
                      {d.type}
                      {d.issue ? ` · #${d.issue}` : ""}
                    </div>
                    <div className={classes.sub}>
                      <TimeAgo iso={d.created_at} /> · {said(d)}
                    </div>
                  </div>
                  <StatusBadge {...BADGES[d.status]} size="sm" />
                  {d.status !== "pending" && (
                    <Button
                      variant="default"
                      leftSection={<RotateCcw size={14} aria-hidden />}
                      loading={replay.isPending && replay.variables === d.id}
                      onClick={() => replay.mutate(d.id)}
                      aria-label={`Send message ${d.id} again`}
                    >
                      Send again
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          ) : (
            <EmptyPanel icon={Send} title="No messages yet">
              The next event that it wants to hear of is the first.
            </EmptyPanel>
          )
        }
      </QueryGate>
    </Modal>
  );
}
