import { createFileRoute } from "@tanstack/react-router";
import { DatabaseGroupsPage, type GroupSearch } from "@/features/groups/DatabaseGroupsPage";

export const Route = createFileRoute("/_app/databases/groups")({
  validateSearch: (raw: Record<string, unknown>): GroupSearch =>
    typeof raw.project === "string" && raw.project ? { project: raw.project } : {},
  component: DatabaseGroupsPage,
});
