import { Button } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ListChecks } from "lucide-react";
import { useState } from "react";
import { issuesQuery, projectsQuery } from "@/api/queries";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { FilterBar } from "./FilterBar";
import { filterQuery, formatFilter, parseFilter } from "./filter";
import { KeyboardIssueTable } from "./IssueTable";
import { NewcomersBar } from "./NewcomersBar";
import { arrivals, settle } from "./newcomers";

const route = getRouteApi("/_app/issues/");

/** The whole list; its filter lives in the URL, and rows never move under the reader's eyes. */
export function IssuesPage() {
  const { q: text } = route.useSearch();
  const navigate = route.useNavigate();
  const filter = parseFilter(text);
  const query = useInfiniteQuery(issuesQuery(filterQuery(filter)));
  const projects = useQuery(projectsQuery);
  const fresh = query.data?.pages.flatMap((p) => p.items) ?? [];
  const key = formatFilter(filter);
  const [shown, setShown] = useState<{ key: string; ids: number[] }>({ key: "", ids: [] });

  // What is new since the list was shown waits behind a button; everything else updates in place.
  const known = shown.key === key ? shown.ids : [];
  const ids = settle(
    known,
    fresh.map((i) => i.id),
  );
  if (query.data && !query.isPlaceholderData && (shown.key !== key || ids.length !== known.length))
    setShown({ key, ids });
  const newcomers = arrivals(
    ids,
    fresh.map((i) => i.id),
  );
  const rows = fresh.filter((i) => !newcomers.includes(i.id));

  return (
    <Page title="Issues" lead="Every change, from filed to applied.">
      <FilterBar
        text={text}
        projects={projects.data?.map((p) => p.slug) ?? []}
        onChange={(next) => void navigate({ search: { q: next }, replace: true })}
      />
      {newcomers.length > 0 && (
        <NewcomersBar
          count={newcomers.length}
          onShow={() => setShown({ key, ids: fresh.map((i) => i.id) })}
        />
      )}
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={10} />}>
          {() =>
            rows.length ? (
              <>
                <KeyboardIssueTable label="Issues" issues={rows} />
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
                icon={ListChecks}
                title={text ? "Nothing matches this filter" : "No changes yet"}
                action={
                  text ? (
                    <Button variant="default" onClick={() => void navigate({ search: { q: "" } })}>
                      Clear the filter
                    </Button>
                  ) : (
                    <Button component={Link} to="/issues/new">
                      File the first change
                    </Button>
                  )
                }
              >
                {text
                  ? "Try fewer words, or is:done and is:canceled for what is over."
                  : "An issue carries a database change through its environments: written, reviewed, approved, applied."}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
    </Page>
  );
}
