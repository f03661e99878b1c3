import { createFileRoute } from "@tanstack/react-router";
import { ServiceAccountsPage } from "@/features/settings/ServiceAccountsPage";

export const Route = createFileRoute("/_app/settings/service-accounts")({ component: ServiceAccountsPage });
