import { Button, Switch } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Megaphone, Send } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { plugins } from "@/api/endpoints";
import { pluginsQuery } from "@/api/queries";
import type { PluginOut } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { sayError } from "@/shared/ui/say";
import { ListPage } from "./ListPage";

const DeliveriesDialog = lazy(() =>
  import("./DeliveriesDialog").then((m) => ({ default: m.DeliveriesDialog })),
);
const PluginDialog = lazy(() => import("./PluginDialog").then((m) => ({ default: m.PluginDialog })));

const KINDS = { webhook: "Webhook", chat: "Chat", email: "Mail", "commit-status": "Commit status" } as const;

function about(plugin: PluginOut): string {
  if (plugin.kind === "commit-status") return `${KINDS[plugin.kind]} · ${plugin.project} · checks to send on`;
  const hears = plugin.types.length ? plugin.types.join(", ") : "everything";
  return `${KINDS[plugin.kind]} · ${plugin.project ?? "every project"} · hears of ${hears}`;
}

/** Who is told of events outside: programs, rooms, people. */
export function PluginsPage() {
  const client = useQueryClient();
  const query = useQuery(pluginsQuery);
  const [adding, setAdding] = useState(false);
  const [open, setOpen] = useState<PluginOut | null>(null);
  const toggle = useMutation({
    mutationFn: (plugin: PluginOut) => plugins.patch(plugin.id, plugin.version, { enabled: !plugin.enabled }),
    onSettled: () => client.invalidateQueries({ queryKey: ["plugins"] }),
    onError: sayError,
  });
  return (
    <ListPage
      title="Plugins"
      lead="Who hears of events without asking: programs, chat rooms, people."
      query={query}
      add={{ label: "Add plugin", run: () => setAdding(true) }}
      empty={{
        icon: Megaphone,
        title: "Nobody is told yet",
        text: "Let a chat room hear when an approval is asked for, or a program when everything is applied.",
      }}
      row={(p) => ({
        key: p.id,
        name: p.name,
        about: [about(p), p.disabled_reason ?? p.to],
        actions: (
          <>
            {p.dead > 0 && <StatusBadge status="failed" label={`${p.dead} given up`} size="sm" />}
            <Button
              variant="default"
              leftSection={<Send size={14} aria-hidden />}
              onClick={() => setOpen(p)}
              aria-label={`Messages to ${p.name}`}
            >
              Messages
            </Button>
            <Switch aria-label={`${p.name} is told`} checked={p.enabled} onChange={() => toggle.mutate(p)} />
          </>
        ),
      })}
    >
      <Suspense>
        {adding && <PluginDialog onClose={() => setAdding(false)} />}
        {open && <DeliveriesDialog plugin={open} onClose={() => setOpen(null)} />}
      </Suspense>
    </ListPage>
  );
}
