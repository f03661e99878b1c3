import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { BadgeCheck } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { checksQuery, projectsQuery } from "@/api/queries";
import type { CheckRow } from "@/api/types";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { CellButton } from "./CellButton";
import classes from "./Checks.module.css";

const CheckDialog = lazy(() => import("./CheckDialog").then((m) => ({ default: m.CheckDialog })));
const route = getRouteApi("/_app/checks");

/** What other systems say of releases: contexts by environment, and which of them a release cannot leave without. */
export function ChecksPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const projects = useQuery(projectsQuery);
  const project = search.project ?? projects.data?.[0]?.slug ?? "";
  const query = useInfiniteQuery(checksQuery(project));
  const [open, setOpen] = useState<{ context: string; environment: string } | null>(null);
  const rows = query.data?.pages.flatMap((p) => p.items) ?? [];
  const head = query.data?.pages[0];
  const environments = head?.environments ?? [];
  const columns: Column<CheckRow>[] = [
    { key: "context", header: "Check", cell: (r) => <span className={classes.context}>{r.context}</span> },
    ...environments.map((e, n) => ({
      key: e.slug,
      header: e.name,
      cell: (r: CheckRow) => {
        const cell = r.environments[n];
        return cell ? (
          <CellButton
            context={r.context}
            environment={e.name}
            cell={cell}
            onOpen={() => setOpen({ context: r.context, environment: e.slug })}
          />
        ) : null;
      },
    })),
  ];
  const opened = rows
    .find((r) => r.context === open?.context)
    ?.environments.find((c) => c.environment === open?.environment);
  const name = environments.find((e) => e.slug === open?.environment)?.name;
  return (
    <Page
      title="Checks"
      lead="What other systems say of releases. A required check must report success before a release leaves the environment."
      actions={
        <Select
          aria-label="Project"
          allowDeselect={false}
          data={(projects.data ?? []).map((p) => ({ value: p.slug, label: p.name }))}
          value={project || null}
          onChange={(slug) => slug && void navigate({ search: { project: slug } })}
        />
      }
    >
      <div className={panel.panel}>
        {projects.data?.length === 0 ? (
          <EmptyPanel icon={BadgeCheck} title="You are in no project">
            Ask a project owner to add you.
          </EmptyPanel>
        ) : (
          <QueryGate query={query} skeleton={<SkeletonRows rows={4} />}>
            {() =>
              rows.length ? (
                <>
                  <DataTable label="Checks" columns={columns} rows={rows} rowKey={(r) => r.context} />
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
                <EmptyPanel icon={BadgeCheck} title="Nothing has been reported yet">
                  A test run or a monitor reports with a token: POST /api/v1/releases/…/statuses. Once a check
                  has reported, it can be required here.
                </EmptyPanel>
              )
            }
          </QueryGate>
        )}
      </div>
      <Suspense>
        {open && opened && name && (
          <CheckDialog
            project={project}
            context={open.context}
            cell={opened}
            environment={name}
            mayRequire={head?.can_require ?? false}
            onClose={() => setOpen(null)}
          />
        )}
      </Suspense>
    </Page>
  );
}
