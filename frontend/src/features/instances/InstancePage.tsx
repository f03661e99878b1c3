import { Button, Skeleton, Stack } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Pencil, PlugZap, Trash2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { catalog } from "@/api/endpoints";
import { ApiError } from "@/api/errors";
import { databasesQuery, instanceQuery, syncsQuery } from "@/api/queries";
import type { DatabaseOut, InstanceOut, PipelineSummary } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { NotFound } from "@/shared/ui/NotFound";
import { Page } from "@/shared/ui/Page";
import { Panel } from "@/shared/ui/Panel";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { issueStatus } from "@/shared/ui/status";
import { Duration, TimeAgo } from "@/shared/ui/TimeAgo";
import { EngineName } from "./EngineName";
import { ENGINES } from "./engines";
import classes from "./Instances.module.css";
import { SchedulePanel } from "./SchedulePanel";
import { SyncButton } from "./SyncButton";
import { TestSteps } from "./TestSteps";

const EditInstanceDialog = lazy(() =>
  import("./EditInstanceDialog").then((m) => ({ default: m.EditInstanceDialog })),
);
const route = getRouteApi("/_app/instances/$slug");

const databaseColumns: Column<DatabaseOut>[] = [
  {
    key: "name",
    header: "Database",
    cell: (d) => (
      <Link to="/databases/$databaseId" params={{ databaseId: String(d.id) }} className={classes.link}>
        {d.name}
      </Link>
    ),
  },
  {
    key: "project",
    header: "Project",
    cell: (d) => d.project ?? <span className={classes.sub}>Unassigned</span>,
  },
  {
    key: "tables",
    header: "Tables",
    align: "right",
    from: "sm",
    cell: (d) => d.tables?.toLocaleString() ?? "–",
  },
];

const syncColumns: Column<PipelineSummary>[] = [
  {
    key: "id",
    header: "Sync",
    cell: (p) => (
      <Link to="/pipelines/$pipelineId" params={{ pipelineId: String(p.id) }} className={classes.link}>
        #{p.id}
      </Link>
    ),
  },
  { key: "status", header: "Status", cell: (p) => <StatusBadge status={issueStatus(p)} size="sm" plain /> },
  { key: "started", header: "Started", cell: (p) => <TimeAgo iso={p.created_at} /> },
  {
    key: "took",
    header: "Took",
    align: "right",
    from: "sm",
    cell: (p) => <Duration from={p.created_at} to={p.status === "open" ? null : p.updated_at} />,
  },
];

function Connection({ instance }: { instance: InstanceOut }) {
  const login = instance.dsn_env
    ? `from ${instance.dsn_env}`
    : instance.username
      ? `${instance.username}${instance.has_password ? ", password stored" : ", no password"}`
      : "none";
  return (
    <dl className={classes.facts}>
      <dt>Engine</dt>
      <dd>
        <EngineName engine={instance.engine} support={instance.support} version={instance.server_version} />
      </dd>
      <dt>Address</dt>
      <dd className="mono">
        {instance.host}:{instance.port}
      </dd>
      <dt>Login</dt>
      <dd>{login}</dd>
      <dt>TLS</dt>
      <dd>{instance.tls}</dd>
      <dt>Environment</dt>
      <dd>{instance.environment}</dd>
      <dt>Tasks at once</dt>
      <dd>{instance.options.max_running_tasks ?? 4}</dd>
      <dt>Last synced</dt>
      <dd>{instance.last_synced_at ? <TimeAgo iso={instance.last_synced_at} /> : "never"}</dd>
    </dl>
  );
}

function Content({ instance }: { instance: InstanceOut }) {
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const mayEdit = mayInWorkspace(me, "instance.edit");
  const [asking, setAsking] = useState<"edit" | "delete" | null>(null);
  const databases = useInfiniteQuery(databasesQuery({ instance: instance.slug }));
  const syncs = useQuery(syncsQuery(instance.slug));
  const test = useMutation({ mutationFn: () => catalog.testInstance(instance.slug) });
  const rows = databases.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <Page
      title={instance.name}
      lead={`${ENGINES[instance.engine]} in ${instance.environment} · ${instance.slug}${
        instance.support === "experimental" ? " · experimental" : ""
      }`}
      actions={
        <>
          <SyncButton instance={instance.slug} />
          {mayEdit && (
            <>
              <Button
                variant="default"
                leftSection={<PlugZap size={14} aria-hidden />}
                loading={test.isPending}
                onClick={() => test.mutate()}
              >
                Test
              </Button>
              <Button
                variant="default"
                leftSection={<Pencil size={13} aria-hidden />}
                onClick={() => setAsking("edit")}
              >
                Edit
              </Button>
              <Button
                variant="default"
                leftSection={<Trash2 size={14} aria-hidden />}
                onClick={() => setAsking("delete")}
              >
                Remove
              </Button>
            </>
          )}
        </>
      }
    >
      {instance.last_sync_error && (
        <ErrorPanel title="The last sync failed" error={new Error(instance.last_sync_error)} />
      )}
      {test.error && <ErrorPanel error={test.error} />}
      {test.data && (
        <Panel title="Connection test">
          <TestSteps test={test.data} />
        </Panel>
      )}
      <div className={classes.columns}>
        <Stack gap="md">
          <Panel title={`Databases${databases.data ? ` (${instance.databases})` : ""}`} flush>
            <QueryGate query={databases} skeleton={<SkeletonRows rows={4} />}>
              {() =>
                rows.length ? (
                  <>
                    <DataTable
                      label="Databases"
                      columns={databaseColumns}
                      rows={rows}
                      rowKey={(d) => d.id}
                      dim={(d) => d.vanished_at !== null}
                    />
                    {databases.hasNextPage && (
                      <div className={panel.more}>
                        <Button variant="default" onClick={() => void databases.fetchNextPage()}>
                          Show more
                        </Button>
                      </div>
                    )}
                  </>
                ) : (
                  <p className={panel.body}>No databases yet: sync to find them.</p>
                )
              }
            </QueryGate>
          </Panel>
          <Panel title="Sync history" flush>
            <QueryGate query={syncs} skeleton={<SkeletonRows rows={3} />}>
              {(page) =>
                page.items.length ? (
                  <DataTable
                    label="Sync history"
                    columns={syncColumns}
                    rows={page.items}
                    rowKey={(p) => p.id}
                  />
                ) : (
                  <p className={panel.body}>Never synced.</p>
                )
              }
            </QueryGate>
          </Panel>
        </Stack>
        <Stack gap="md">
          <Panel title="Connection">
            <Connection instance={instance} />
          </Panel>
          <SchedulePanel instance={instance.slug} mayEdit={mayInWorkspace(me, "schedule.edit")} />
        </Stack>
      </div>
      <Suspense>
        {asking === "edit" && <EditInstanceDialog instance={instance} onClose={() => setAsking(null)} />}
      </Suspense>
      {asking === "delete" && (
        <ActionDialog
          title={`Remove ${instance.name}`}
          confirm="Remove this instance"
          danger
          onClose={() => setAsking(null)}
          run={async () => {
            await catalog.deleteInstance(instance.slug, instance.version);
            await navigate({ to: "/instances" });
            await client.invalidateQueries({ queryKey: ["instances"] });
          }}
        >
          Penstock forgets the server and its {instance.databases} databases. Nothing on the server itself
          changes. An instance that open changes need cannot be removed.
        </ActionDialog>
      )}
    </Page>
  );
}

export function InstancePage() {
  const { slug } = route.useParams();
  const query = useQuery(instanceQuery(slug));
  if (query.error instanceof ApiError && query.error.status === 404) return <NotFound />;
  const skeleton = (
    <Stack>
      <Skeleton h={26} w={260} />
      <Skeleton h={360} />
    </Stack>
  );
  return (
    <QueryGate query={query} skeleton={skeleton}>
      {(instance) => <Content key={instance.slug} instance={instance} />}
    </QueryGate>
  );
}
