import { createFileRoute, type SearchSchemaInput } from "@tanstack/react-router";
import { type DriftSearch, DriftsPage } from "@/features/databases/DriftsPage";
import { STATUSES } from "@/features/databases/driftStatuses";

export const Route = createFileRoute("/_app/databases/drifts")({
  validateSearch: (raw: Record<string, unknown> & SearchSchemaInput): DriftSearch => {
    const status = STATUSES.find((s) => s === raw.status);
    return {
      ...(typeof raw.project === "string" ? { project: raw.project } : {}),
      ...(status ? { status } : {}),
    };
  },
  component: DriftsPage,
});
