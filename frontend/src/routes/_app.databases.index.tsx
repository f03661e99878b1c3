import { createFileRoute } from "@tanstack/react-router";
import { type DatabaseSearch, DatabasesPage } from "@/features/databases/DatabasesPage";

const FIELDS = ["q", "project", "environment", "instance"] as const;

export const Route = createFileRoute("/_app/databases/")({
  validateSearch: (raw: Record<string, unknown>): DatabaseSearch => {
    const search: DatabaseSearch = {};
    for (const field of FIELDS) {
      const value = raw[field];
      if ((typeof value === "string" && value) || typeof value === "number") search[field] = String(value);
    }
    return search;
  },
  component: DatabasesPage,
});
