import { Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { pipelineQuery } from "@/api/queries";
import type { PipelineOut } from "@/api/types";
import { BlockersPanel } from "@/features/issues/BlockersPanel";
import { Page } from "@/shared/ui/Page";
import { QueryGate } from "@/shared/ui/QueryGate";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { issueStatus } from "@/shared/ui/status";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { type PipelineSearch, StagePanel } from "./StagePanel";
import { StageRail } from "./StageRail";
import { stageToShow } from "./stageSummary";

const route = getRouteApi("/_app/pipelines/$pipelineId");

function Pipeline({ pipeline }: { pipeline: PipelineOut }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [opening] = useState(() => stageToShow(pipeline.stages)?.name);
  const stage = pipeline.stages.find((s) => s.name === (search.stage ?? opening)) ?? pipeline.stages[0];
  const onSearch = (next: PipelineSearch) =>
    void navigate({ search: next, replace: true, resetScroll: false });
  return (
    <Page
      title={`Pipeline #${pipeline.id}`}
      lead={
        <>
          <StatusBadge status={issueStatus(pipeline)} size="sm" /> Started{" "}
          <TimeAgo iso={pipeline.created_at} />
          {pipeline.issue ? (
            <>
              {" "}
              for{" "}
              <Link to="/issues/$issueId" params={{ issueId: String(pipeline.issue) }}>
                issue #{pipeline.issue}
              </Link>
            </>
          ) : (
            ", without an issue."
          )}
        </>
      }
    >
      {pipeline.stages.length > 1 && (
        <StageRail
          stages={pipeline.stages}
          selected={stage?.name}
          verb="done"
          onSelect={(name) => onSearch({ stage: name })}
        />
      )}
      <BlockersPanel pipeline={pipeline} />
      {stage && (
        <StagePanel
          key={stage.name}
          pipeline={pipeline.id}
          stage={stage}
          search={search}
          onSearch={onSearch}
        />
      )}
    </Page>
  );
}

/** A pipeline that belongs to no issue, such as a schema sync or a verification. */
export function PipelinePage() {
  const { pipelineId } = route.useParams();
  const query = useQuery(pipelineQuery(Number(pipelineId)));
  const skeleton = (
    <Stack gap="md">
      <Skeleton h={26} w={220} />
      <Skeleton h={320} />
    </Stack>
  );
  return (
    <QueryGate query={query} skeleton={skeleton}>
      {(pipeline) => <Pipeline key={pipeline.id} pipeline={pipeline} />}
    </QueryGate>
  );
}
