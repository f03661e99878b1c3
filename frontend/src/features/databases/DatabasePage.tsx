import { Button, Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { DatabaseZap } from "lucide-react";
import { ApiError } from "@/api/errors";
import { databaseQuery, schemaQuery } from "@/api/queries";
import type { DatabaseOut } from "@/api/types";
import { may, useMe } from "@/app/session";
import { SyncButton } from "@/features/instances/SyncButton";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { NotFound } from "@/shared/ui/NotFound";
import { Page } from "@/shared/ui/Page";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { AssignPanel } from "./AssignPanel";
import classes from "./Databases.module.css";
import { DriftPanel } from "./DriftPanel";
import { ReleasesPanel } from "./ReleasesPanel";
import { SchemaTree } from "./SchemaTree";

const route = getRouteApi("/_app/databases/$databaseId");

function Schema({ database }: { database: DatabaseOut }) {
  const query = useQuery(schemaQuery(database.id));
  const never = query.error instanceof ApiError && query.error.status === 404;
  if (never)
    return (
      <EmptyPanel icon={DatabaseZap} title="Not synced yet">
        The schema appears here after the next sync of {database.instance}.
      </EmptyPanel>
    );
  return (
    <QueryGate query={query} skeleton={<SkeletonRows rows={8} widths={[16, 160, 90]} />}>
      {(schema) =>
        schema.schemas.some((s) => s.relations?.length) ? (
          <SchemaTree schemas={schema.schemas} />
        ) : (
          <EmptyPanel icon={DatabaseZap} title="This database is empty">
            No tables or views were found, or the login of {database.instance} may not read them.
          </EmptyPanel>
        )
      }
    </QueryGate>
  );
}

function Content({ database }: { database: DatabaseOut }) {
  const me = useMe();
  return (
    <Page
      title={database.name}
      lead={
        <>
          {database.engine} on{" "}
          {may(me, "instance.read") ? (
            <Link to="/instances/$slug" params={{ slug: database.instance }}>
              {database.instance}
            </Link>
          ) : (
            database.instance
          )}{" "}
          · {database.environment}
          {database.tables !== null && ` · ${database.tables.toLocaleString()} tables`}
          {database.vanished_at && (
            <>
              {" "}
              · <strong>gone from the server</strong> <TimeAgo iso={database.vanished_at} />
            </>
          )}
        </>
      }
      actions={
        <>
          <SyncButton instance={database.instance} project={database.project} />
          {database.project && (
            <Button
              variant="default"
              renderRoot={(props) => (
                <Link {...props} to="/issues" search={{ q: `project:${database.project}` }} />
              )}
            >
              Changes of {database.project}
            </Button>
          )}
        </>
      }
    >
      <DriftPanel database={database} />
      <div className={classes.columns}>
        <Panel
          title="Schema"
          actions={
            <span className={classes.quiet}>
              {database.synced_at ? (
                <>
                  Last synced <TimeAgo iso={database.synced_at} />
                </>
              ) : (
                "Never synced"
              )}
            </span>
          }
        >
          <Schema database={database} />
        </Panel>
        <div className={classes.side}>
          <ReleasesPanel database={database} />
          <AssignPanel key={database.version} database={database} />
        </div>
      </div>
    </Page>
  );
}

export function DatabasePage() {
  const { databaseId } = route.useParams();
  const query = useQuery(databaseQuery(Number(databaseId)));
  if (query.error instanceof ApiError && query.error.status === 404) return <NotFound />;
  const skeleton = (
    <Stack>
      <Skeleton h={26} w={260} />
      <Skeleton h={420} />
    </Stack>
  );
  return (
    <QueryGate query={query} skeleton={skeleton}>
      {(database) => <Content database={database} />}
    </QueryGate>
  );
}
