import { createFileRoute } from "@tanstack/react-router";
import { IssuePage } from "@/features/issues/IssuePage";
import { pipelineSearch } from "@/features/pipeline/search";

export const Route = createFileRoute("/_app/issues/$issueId")({
  validateSearch: pipelineSearch,
  component: IssuePage,
});
