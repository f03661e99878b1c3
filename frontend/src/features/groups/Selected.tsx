import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ApiError } from "@/api/errors";
import { selectedDatabasesQuery } from "@/api/queries";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import classes from "./Groups.module.css";

/** The databases of a project that a selector chooses now, or what is wrong with the selector. */
export function Selected({ project, selector }: { project: string; selector: string }) {
  const query = useInfiniteQuery(selectedDatabasesQuery(project, selector));
  if (query.error instanceof ApiError && query.error.status === 422)
    return (
      <p className={classes.wrong} role="alert">
        {query.error.problem.errors?.[0]?.message ?? query.error.message}
      </p>
    );
  if (query.error) return <ErrorPanel error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows rows={2} />;
  const rows = query.data.pages.flatMap((p) => p.items);
  if (!rows.length)
    return (
      <p className={classes.none} role="status">
        No database of the project has these labels. Labels are given on the page of a database.
      </p>
    );
  return (
    <>
      <ul className={classes.databases} aria-label="Selected databases">
        {rows.map((d) => (
          <li key={d.id}>
            <Link to="/databases/$databaseId" params={{ databaseId: String(d.id) }}>
              {d.instance}/{d.name}
            </Link>{" "}
            <span className={classes.sub}>{d.environment}</span>
          </li>
        ))}
      </ul>
      {query.hasNextPage && (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </>
  );
}
