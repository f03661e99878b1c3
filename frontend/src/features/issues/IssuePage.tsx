import { Button, Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { BadgeCheck, Siren } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { ApiError } from "@/api/errors";
import { issueQuery, taskQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { ChecksPanel } from "@/features/checks/ChecksPanel";
import { type PipelineSearch, StagePanel } from "@/features/pipeline/StagePanel";
import { StageRail } from "@/features/pipeline/StageRail";
import { stageToShow } from "@/features/pipeline/stageSummary";
import { NotFound } from "@/shared/ui/NotFound";
import { useTitle } from "@/shared/ui/Page";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { AboutPanel } from "./AboutPanel";
import { ApprovalsPanel } from "./ApprovalsPanel";
import { BlockersPanel } from "./BlockersPanel";
import { Description } from "./Description";
import { IssueActions } from "./IssueActions";
import type { IssueDialog } from "./IssueDialogs";
import { IssueHeader } from "./IssueHeader";
import classes from "./IssuePage.module.css";
import { RunStageButton } from "./RunStageButton";
import { changedSince, look, type Seen } from "./seen";

const ActivityPanel = lazy(() => import("./ActivityPanel").then((m) => ({ default: m.ActivityPanel })));
const ChangePanel = lazy(() => import("./ChangePanel").then((m) => ({ default: m.ChangePanel })));
const EditSqlDialog = lazy(() => import("./EditSqlDialog").then((m) => ({ default: m.EditSqlDialog })));
const GroupNotice = lazy(() => import("./GroupNotice").then((m) => ({ default: m.GroupNotice })));
const IssueDialogs = lazy(() => import("./IssueDialogs").then((m) => ({ default: m.IssueDialogs })));
const StaleNotice = lazy(() => import("./StaleNotice").then((m) => ({ default: m.StaleNotice })));
const EditTextDialog = lazy(() => import("./EditTextDialog").then((m) => ({ default: m.EditTextDialog })));
const route = getRouteApi("/_app/issues/$issueId");

function Issue({ issue }: { issue: IssueOut }) {
  useTitle(`${issue.title} #${issue.id}`);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [seen, setSeen] = useState<Seen>(() => look(issue));
  const [dialog, setDialog] = useState<IssueDialog | null>(null);
  const [editing, setEditing] = useState<"sql" | "text" | null>(null);
  const [reviewing, setReviewing] = useState(false);
  const [shown, setShown] = useState<number>();
  const [opening] = useState(() => stageToShow(issue.pipeline.stages)?.name);
  const { stages } = issue.pipeline;
  // A link may name a task alone: its stage is the one to show.
  const linked = useQuery({
    ...taskQuery(search.task ?? 0),
    enabled: search.task !== undefined && !search.stage,
  });
  const stage =
    stages.find((s) => s.name === (search.stage ?? linked.data?.stage ?? opening)) ?? stageToShow(stages);
  const changed = changedSince(seen, look(issue));
  const onSearch = (next: PipelineSearch) =>
    void navigate({ search: next, replace: true, resetScroll: false });
  return (
    <div className={classes.page}>
      <IssueHeader
        issue={issue}
        actions={
          <IssueActions
            issue={issue}
            seen={seen}
            changed={changed}
            reviewing={reviewing}
            onReviewing={setReviewing}
            onDialog={setDialog}
            onEditSql={() => setEditing("sql")}
            onEditText={() => setEditing("text")}
          />
        }
      />
      <Suspense>
        {changed && (
          <StaleNotice issue={issue} seen={seen} changed={changed} onLooked={() => setSeen(look(issue))} />
        )}
      </Suspense>
      <Suspense>{issue.group && <GroupNotice issue={issue} />}</Suspense>
      <StageRail
        stages={stages}
        selected={stage?.name}
        verb="applied"
        onSelect={(name) => onSearch({ stage: name })}
      />
      <div className={classes.columns}>
        <Stack gap="md" className={classes.main}>
          <BlockersPanel pipeline={issue.pipeline} />
          {issue.description && <Description text={issue.description} />}
          {stage && (
            <StagePanel
              key={stage.name}
              pipeline={issue.pipeline.id}
              stage={stage}
              search={search}
              onSearch={onSearch}
              onShown={setShown}
              actions={
                <>
                  {stage.actions.includes("override") && (
                    <Button
                      variant="default"
                      leftSection={<BadgeCheck size={14} aria-hidden />}
                      onClick={() => setDialog({ kind: "override", stage: stage.name })}
                    >
                      Override checks…
                    </Button>
                  )}
                  {stage.actions.includes("bypass") && (
                    <Button
                      variant="default"
                      leftSection={<Siren size={14} aria-hidden />}
                      onClick={() => setDialog({ kind: "bypass", stage: stage.name })}
                    >
                      Bypass…
                    </Button>
                  )}
                  <RunStageButton
                    stage={stage}
                    open={issue.status === "open"}
                    onRun={() => setDialog({ kind: "advance", stage: stage.name })}
                  />
                </>
              }
            />
          )}
          <Suspense fallback={<Skeleton h={220} />}>
            <ChangePanel issue={issue} task={shown} onEdit={() => setEditing("sql")} />
          </Suspense>
          <Suspense fallback={<SkeletonRows rows={4} />}>
            <ActivityPanel issue={issue.id} canComment={issue.actions.includes("comment")} />
          </Suspense>
        </Stack>
        <Stack gap="md" component="aside" aria-label="Approvals and facts">
          <ApprovalsPanel stages={stages} />
          {issue.release !== null && <ChecksPanel project={issue.project} release={issue.release} />}
          <AboutPanel issue={issue} />
        </Stack>
      </div>
      <Suspense>
        {dialog && <IssueDialogs issue={issue} dialog={dialog} onClose={() => setDialog(null)} />}
        {editing === "text" && <EditTextDialog issue={issue} onClose={() => setEditing(null)} />}
        {editing === "sql" && issue.release !== null && (
          <EditSqlDialog
            issue={issue}
            releaseId={issue.release}
            onClose={() => setEditing(null)}
            onSaved={(fresh) => setSeen(look(fresh))}
          />
        )}
      </Suspense>
    </div>
  );
}

const skeleton = (
  <Stack gap="md">
    <Skeleton h={26} w="50%" />
    <Skeleton h={92} />
    <Skeleton h={320} />
  </Stack>
);

/** One page for change, review and rollout. */
export function IssuePage() {
  const { issueId } = route.useParams();
  const id = Number(issueId);
  const query = useQuery({ ...issueQuery(id), enabled: Number.isInteger(id) });
  const missing = query.error instanceof ApiError && query.error.status === 404 && !query.data;
  if (missing || !Number.isInteger(id)) return <NotFound />;
  return (
    <QueryGate query={query} skeleton={skeleton}>
      {(issue) => <Issue key={issue.id} issue={issue} />}
    </QueryGate>
  );
}
