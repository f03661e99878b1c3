import { createFileRoute, type SearchSchemaInput } from "@tanstack/react-router";
import { BoardPage } from "@/features/board/BoardPage";

export const Route = createFileRoute("/_app/board")({
  validateSearch: (raw: { project?: string } & SearchSchemaInput): { project?: string } =>
    typeof raw.project === "string" ? { project: raw.project } : {},
  component: BoardPage,
});
