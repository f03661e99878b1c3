import { createFileRoute } from "@tanstack/react-router";
import { EnvironmentsPage } from "@/features/settings/EnvironmentsPage";

export const Route = createFileRoute("/_app/settings/environments")({ component: EnvironmentsPage });
