import { createFileRoute } from "@tanstack/react-router";
import { PluginsPage } from "@/features/settings/PluginsPage";

export const Route = createFileRoute("/_app/settings/plugins")({ component: PluginsPage });
