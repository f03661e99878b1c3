import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ShieldCheck } from "lucide-react";
import { driftsQuery, projectsQuery } from "@/api/queries";
import type { DriftOut } from "@/api/types";
import { useListKeys } from "@/shared/hooks/useListKeys";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Databases.module.css";
import drift from "./Drift.module.css";
import { STATUSES } from "./driftStatuses";
import { countsText, driftBadge, endText } from "./driftText";

export type DriftSearch = { project?: string; status?: DriftOut["status"] };
const route = getRouteApi("/_app/databases/drifts");

const columns: Column<DriftOut>[] = [
  {
    key: "database",
    header: "Database",
    cell: (d) => (
      <div className={classes.name}>
        <Link
          to="/databases/$databaseId"
          params={{ databaseId: String(d.database) }}
          className={classes.link}
        >
          {d.database_name}
        </Link>
        <span className={classes.sub}>{d.instance}</span>
      </div>
    ),
  },
  {
    key: "status",
    header: "Status",
    cell: (d) => <StatusBadge status={driftBadge(d.status)} size="sm" plain />,
  },
  { key: "changes", header: "What differs", from: "sm", cell: (d) => countsText(d.changes) },
  { key: "environment", header: "Environment", from: "sm", cell: (d) => d.environment },
  { key: "project", header: "Project", from: "md", cell: (d) => d.project ?? "–" },
  {
    key: "said",
    header: "What was said",
    from: "lg",
    cell: (d) => (
      <span className={drift.quiet}>
        {[endText(d), d.decided_by?.name, d.comment].filter(Boolean).join(" · ") || "–"}
      </span>
    ),
  },
  {
    key: "seen",
    header: "First seen",
    from: "md",
    align: "right",
    cell: (d) => (
      <span className={classes.quiet}>
        <TimeAgo iso={d.first_seen_at} />
      </span>
    ),
  },
];

/** Databases that somebody has changed past Penstock, newest first. */
export function DriftsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const go = useNavigate();
  const query = useInfiniteQuery(driftsQuery(search));
  const projects = useQuery(projectsQuery);
  const rows = query.data?.pages.flatMap((p) => p.items) ?? [];
  const set = (some: Partial<Record<keyof DriftSearch, string | undefined>>) =>
    void navigate({
      search: (old) =>
        Object.fromEntries(Object.entries({ ...old, ...some }).filter(([, v]) => v)) as DriftSearch,
      replace: true,
    });
  const open = (d: DriftOut) =>
    void go({ to: "/databases/$databaseId", params: { databaseId: String(d.database) } });
  const active = useListKeys({ keys: rows.map((d) => d.id), onOpen: (at) => rows[at] && open(rows[at]) });

  return (
    <Page
      title="Drift"
      lead="Databases that somebody has changed past Penstock, as schema syncs have found them."
      actions={
        <Button variant="default" renderRoot={(props) => <Link {...props} to="/databases" />}>
          All databases
        </Button>
      }
    >
      <div className={drift.filters}>
        <Select
          aria-label="Project"
          placeholder="Project"
          clearable
          searchable
          clearButtonProps={{ "aria-label": "Clear project" }}
          data={projects.data?.map((p) => ({ value: p.slug, label: p.name })) ?? []}
          value={search.project ?? null}
          onChange={(value) => set({ project: value ?? undefined })}
        />
        <Select
          aria-label="Status"
          placeholder="Status"
          clearable
          clearButtonProps={{ "aria-label": "Clear status" }}
          data={STATUSES.map((s) => ({ value: s, label: s.charAt(0).toUpperCase() + s.slice(1) }))}
          value={search.status ?? null}
          onChange={(value) => set({ status: value ?? undefined })}
        />
      </div>
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={8} />}>
          {() =>
            rows.length ? (
              <>
                <DataTable
                  label="Drifts"
                  columns={columns}
                  rows={rows}
                  rowKey={(d) => d.id}
                  activeKey={active}
                  onOpen={open}
                  dim={(d) => d.ended_at !== null}
                />
                {query.hasNextPage && (
                  <div className={panel.more}>
                    <Button
                      variant="default"
                      loading={query.isFetchingNextPage}
                      onClick={() => void query.fetchNextPage()}
                    >
                      Show more
                    </Button>
                  </div>
                )}
              </>
            ) : (
              <EmptyPanel
                icon={ShieldCheck}
                title={search.status === "open" ? "No database has drifted" : "Nothing here"}
                action={
                  Object.keys(search).length > 0 && (
                    <Button variant="default" onClick={() => void navigate({ search: {} })}>
                      Clear the filters
                    </Button>
                  )
                }
              >
                Each schema sync compares every database of a project with what it was when it was first seen,
                or with what our last change left. What nobody has filed here is listed, with what differs.
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
    </Page>
  );
}
