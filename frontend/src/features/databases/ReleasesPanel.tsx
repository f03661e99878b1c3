import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { databaseReleasesQuery } from "@/api/queries";
import type { DatabaseOut } from "@/api/types";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Databases.module.css";

/** What this database had, newest first, and where each of it came from. */
export function ReleasesPanel({ database }: { database: DatabaseOut }) {
  const query = useInfiniteQuery(databaseReleasesQuery(database.id));
  const rows = query.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <Panel
      title="Releases"
      actions={
        database.project && (
          <Link to="/board" search={{ project: database.project }}>
            Board
          </Link>
        )
      }
    >
      <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
        {() =>
          rows.length ? (
            <ul className={classes.releases}>
              {rows.map((r) => (
                <li key={r.task} className={classes.release}>
                  <span>
                    <strong>{r.version}</strong>
                    {r.current && " · current"} · release #{r.release}
                  </span>
                  <span>
                    {r.source.issue !== null ? (
                      <Link to="/issues/$issueId" params={{ issueId: String(r.source.issue) }}>
                        {r.description}
                      </Link>
                    ) : (
                      r.description
                    )}
                  </span>
                  <span className={classes.sub}>
                    {r.applied === 1 ? "1 change" : `${r.applied} changes`} <TimeAgo iso={r.applied_at} />
                  </span>
                </li>
              ))}
              {query.hasNextPage && (
                <li>
                  <Button
                    variant="default"
                    loading={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                  >
                    Show older ones
                  </Button>
                </li>
              )}
            </ul>
          ) : (
            <span className={classes.quiet}>Nothing has been applied here yet.</span>
          )
        }
      </QueryGate>
    </Panel>
  );
}
