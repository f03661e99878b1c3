import { createFileRoute } from "@tanstack/react-router";
import { FreezesPage } from "@/features/freezes/FreezesPage";

export const Route = createFileRoute("/_app/settings/freezes")({ component: FreezesPage });
