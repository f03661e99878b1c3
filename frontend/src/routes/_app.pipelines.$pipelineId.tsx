import { createFileRoute } from "@tanstack/react-router";
import { PipelinePage } from "@/features/pipeline/PipelinePage";
import { pipelineSearch } from "@/features/pipeline/search";

export const Route = createFileRoute("/_app/pipelines/$pipelineId")({
  validateSearch: pipelineSearch,
  component: PipelinePage,
});
