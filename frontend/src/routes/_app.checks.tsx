import { createFileRoute, type SearchSchemaInput } from "@tanstack/react-router";
import { ChecksPage } from "@/features/checks/ChecksPage";

export const Route = createFileRoute("/_app/checks")({
  validateSearch: (raw: { project?: string } & SearchSchemaInput): { project?: string } =>
    typeof raw.project === "string" ? { project: raw.project } : {},
  component: ChecksPage,
});
