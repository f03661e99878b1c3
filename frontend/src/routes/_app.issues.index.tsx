import { createFileRoute, type SearchSchemaInput } from "@tanstack/react-router";
import { IssuesPage } from "@/features/issues/IssuesPage";

export const Route = createFileRoute("/_app/issues/")({
  validateSearch: (raw: { q?: string } & SearchSchemaInput): { q: string } => ({
    q: typeof raw.q === "string" ? raw.q : "is:open",
  }),
  component: IssuesPage,
});
