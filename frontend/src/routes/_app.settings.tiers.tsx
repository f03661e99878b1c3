import { createFileRoute } from "@tanstack/react-router";
import { TiersPage } from "@/features/settings/TiersPage";

export const Route = createFileRoute("/_app/settings/tiers")({ component: TiersPage });
