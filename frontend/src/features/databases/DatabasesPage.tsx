import { Button, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Boxes, Database, Search, TriangleAlert } from "lucide-react";
import { useEffect, useState } from "react";
import { databasesQuery, environmentsQuery, instancesQuery, projectsQuery } from "@/api/queries";
import type { DatabaseOut } from "@/api/types";
import { may, useMe } from "@/app/session";
import { useListKeys } from "@/shared/hooks/useListKeys";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Databases.module.css";
import { Labels } from "./Labels";

export type DatabaseSearch = { q?: string; project?: string; environment?: string; instance?: string };
const route = getRouteApi("/_app/databases/");

const columns: Column<DatabaseOut>[] = [
  {
    key: "name",
    header: "Database",
    cell: (d) => (
      <div className={classes.name}>
        <Link to="/databases/$databaseId" params={{ databaseId: String(d.id) }} className={classes.link}>
          {d.name}
        </Link>
        <span className={classes.sub}>
          {d.instance}
          {d.vanished_at && " · gone from the server"}
        </span>
      </div>
    ),
  },
  { key: "environment", header: "Environment", cell: (d) => d.environment },
  {
    key: "project",
    header: "Project",
    from: "sm",
    cell: (d) => d.project ?? <span className={classes.quiet}>Unassigned</span>,
  },
  { key: "labels", header: "Labels", from: "md", cell: (d) => <Labels labels={d.labels} /> },
  {
    key: "tables",
    header: "Tables",
    from: "sm",
    align: "right",
    cell: (d) => d.tables?.toLocaleString() ?? "–",
  },
  {
    key: "synced",
    header: "Synced",
    from: "md",
    align: "right",
    cell: (d) => (
      <span className={classes.quiet}>{d.synced_at ? <TimeAgo iso={d.synced_at} /> : "never"}</span>
    ),
  },
];

/** Every database that the syncs found, by project, environment and instance. */
export function DatabasesPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const go = useNavigate();
  const me = useMe();
  const query = useInfiniteQuery(databasesQuery(search));
  const projects = useQuery(projectsQuery);
  const environments = useQuery(environmentsQuery);
  const seesInstances = may(me, "instance.read");
  const instances = useQuery({ ...instancesQuery(), enabled: seesInstances });
  const rows = query.data?.pages.flatMap((p) => p.items) ?? [];
  const [typed, setTyped] = useState(search.q ?? "");
  useEffect(() => setTyped(search.q ?? ""), [search.q]);
  const set = (some: DatabaseSearch) =>
    void navigate({
      search: (old) =>
        Object.fromEntries(Object.entries({ ...old, ...some }).filter(([, v]) => v)) as DatabaseSearch,
      replace: true,
    });
  const searchSoon = useDebouncedCallback((q: string) => set({ q }), 250);
  const open = (d: DatabaseOut) =>
    void go({ to: "/databases/$databaseId", params: { databaseId: String(d.id) } });
  const active = useListKeys({ keys: rows.map((d) => d.id), onOpen: (at) => rows[at] && open(rows[at]) });
  const filtered = Object.keys(search).length > 0;
  const filter = (
    key: "project" | "environment" | "instance",
    label: string,
    data: { value: string; label: string }[],
  ) => (
    <Select
      aria-label={label}
      placeholder={label}
      clearable
      searchable
      clearButtonProps={{ "aria-label": `Clear ${label.toLowerCase()}` }}
      data={data}
      value={search[key] ?? null}
      onChange={(value) => set({ [key]: value ?? undefined })}
    />
  );

  return (
    <Page
      title="Databases"
      lead="Found by schema sync. A database takes part in changes once it belongs to a project."
      actions={
        <>
          <Button
            variant="default"
            leftSection={<TriangleAlert size={14} aria-hidden />}
            renderRoot={(props) => (
              <Link
                {...props}
                to="/databases/drifts"
                search={{ status: "open", ...(search.project ? { project: search.project } : {}) }}
              />
            )}
          >
            Drift
          </Button>
          <Button
            variant="default"
            leftSection={<Boxes size={14} aria-hidden />}
            renderRoot={(props) => (
              <Link
                {...props}
                to="/databases/groups"
                search={search.project ? { project: search.project } : {}}
              />
            )}
          >
            Database groups
          </Button>
        </>
      }
    >
      <div className={classes.filters}>
        <TextInput
          aria-label="Search databases"
          placeholder="Search by name"
          leftSection={<Search size={14} aria-hidden />}
          value={typed}
          onChange={(e) => {
            setTyped(e.currentTarget.value);
            searchSoon(e.currentTarget.value);
          }}
        />
        {filter("project", "Project", projects.data?.map((p) => ({ value: p.slug, label: p.name })) ?? [])}
        {filter(
          "environment",
          "Environment",
          environments.data?.map((e) => ({ value: e.slug, label: e.name })) ?? [],
        )}
        {seesInstances &&
          filter(
            "instance",
            "Instance",
            instances.data?.map((i) => ({ value: i.slug, label: i.slug })) ?? [],
          )}
      </div>
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={10} />}>
          {() =>
            rows.length ? (
              <>
                <DataTable
                  label="Databases"
                  columns={columns}
                  rows={rows}
                  rowKey={(d) => d.id}
                  activeKey={active}
                  onOpen={open}
                  dim={(d) => d.vanished_at !== null}
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
                icon={Database}
                title={filtered ? "No database matches" : "No databases yet"}
                action={
                  filtered ? (
                    <Button variant="default" onClick={() => void navigate({ search: {} })}>
                      Clear the filters
                    </Button>
                  ) : (
                    <Button component={Link} to="/instances">
                      Connect an instance
                    </Button>
                  )
                }
              >
                {filtered
                  ? "Look in another environment or project, or search for less."
                  : "Connect a database server: its databases are listed here after the first sync."}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
    </Page>
  );
}
