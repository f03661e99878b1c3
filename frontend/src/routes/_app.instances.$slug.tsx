import { createFileRoute } from "@tanstack/react-router";
import { InstancePage } from "@/features/instances/InstancePage";

export const Route = createFileRoute("/_app/instances/$slug")({ component: InstancePage });
