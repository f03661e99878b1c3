import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Milestone } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { boardQuery, projectsQuery } from "@/api/queries";
import type { BoardEnvironment, BoardNext } from "@/api/types";
import { may, useMe } from "@/app/session";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import classes from "./Board.module.css";
import { BoardColumn } from "./BoardColumn";

const PromoteDialog = lazy(() => import("./PromoteDialog").then((m) => ({ default: m.PromoteDialog })));
const route = getRouteApi("/_app/board");

/** Which release every database has, and what could go on to the next environment. */
export function BoardPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const me = useMe();
  const projects = useQuery(projectsQuery);
  const project = search.project ?? projects.data?.[0]?.slug ?? "";
  const query = useInfiniteQuery(boardQuery(project));
  const [open, setOpen] = useState<{ next: BoardNext; from: BoardEnvironment } | null>(null);
  const databases = query.data?.pages.flatMap((p) => p.items) ?? [];
  // Every page brings all environments; the newest page was read last.
  const environments = query.data?.pages.at(-1)?.environments ?? [];
  const nameOf = (slug: string | null) => environments.find((e) => e.slug === slug)?.name ?? slug ?? "";
  return (
    <Page
      title="Releases"
      lead="Which release every database has. A release moves on as it is, from one environment to the next, in an issue of its own."
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
      {projects.data?.length === 0 ? (
        <div className={panel.panel}>
          <EmptyPanel icon={Milestone} title="You are in no project">
            Ask a project owner to add you.
          </EmptyPanel>
        </div>
      ) : (
        <QueryGate query={query} skeleton={<SkeletonRows rows={6} />}>
          {() =>
            environments.length ? (
              <>
                <section className={classes.board} aria-label="Environments">
                  {environments.map((environment) => (
                    <BoardColumn
                      key={environment.slug}
                      environment={environment}
                      next={nameOf(environment.next)}
                      databases={databases.filter((d) => d.environment === environment.slug)}
                      mayPromote={may(me, "issue.create", project)}
                      onPromote={(next) => setOpen({ next, from: environment })}
                    />
                  ))}
                </section>
                {query.hasNextPage && (
                  <div className={panel.more}>
                    <Button
                      variant="default"
                      loading={query.isFetchingNextPage}
                      onClick={() => void query.fetchNextPage()}
                    >
                      Show more databases
                    </Button>
                  </div>
                )}
              </>
            ) : (
              <div className={panel.panel}>
                <EmptyPanel
                  icon={Milestone}
                  title="This project has no databases yet"
                  action={
                    <Button component={Link} to="/databases">
                      Assign databases
                    </Button>
                  }
                >
                  Give the project a database in each environment, say dev, staging and prod. Apply a change
                  in the first one; then promote it from here, the same bytes, one environment after the
                  other.
                </EmptyPanel>
              </div>
            )
          }
        </QueryGate>
      )}
      <Suspense>
        {open && (
          <PromoteDialog
            project={project}
            release={open.next.release}
            from={open.from.name}
            to={nameOf(open.from.next)}
            target={open.from.next ?? ""}
            onClose={() => setOpen(null)}
          />
        )}
      </Suspense>
    </Page>
  );
}
