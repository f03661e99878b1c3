import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Plus, Server } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { instancesQuery } from "@/api/queries";
import type { InstanceOut } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { useListKeys } from "@/shared/hooks/useListKeys";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { EngineName } from "./EngineName";
import classes from "./Instances.module.css";
import { SyncState } from "./SyncState";

const AddInstanceDialog = lazy(() =>
  import("./AddInstanceDialog").then((m) => ({ default: m.AddInstanceDialog })),
);

const columns: Column<InstanceOut>[] = [
  {
    key: "name",
    header: "Instance",
    cell: (i) => (
      <div className={classes.name}>
        <Link to="/instances/$slug" params={{ slug: i.slug }} className={classes.link}>
          {i.name}
        </Link>
        <span className={classes.sub}>
          {i.host}:{i.port}
        </span>
      </div>
    ),
  },
  {
    key: "engine",
    header: "Engine",
    from: "sm",
    cell: (i) => <EngineName engine={i.engine} support={i.support} version={i.server_version} />,
  },
  { key: "environment", header: "Environment", cell: (i) => i.environment },
  { key: "databases", header: "Databases", from: "sm", align: "right", cell: (i) => i.databases },
  { key: "sync", header: "Sync", cell: (i) => <SyncState instance={i} /> },
  {
    key: "synced",
    header: "Last synced",
    from: "md",
    align: "right",
    cell: (i) => (
      <span className={classes.sub}>{i.last_synced_at ? <TimeAgo iso={i.last_synced_at} /> : "never"}</span>
    ),
  },
];

/** Database servers that Penstock can connect to. */
export function InstancesPage() {
  const me = useMe();
  const navigate = useNavigate();
  const query = useQuery(instancesQuery());
  const [adding, setAdding] = useState(false);
  const mayAdd = mayInWorkspace(me, "instance.edit");
  const rows = query.data ?? [];
  const open = (i: InstanceOut) => void navigate({ to: "/instances/$slug", params: { slug: i.slug } });
  const active = useListKeys({ keys: rows.map((i) => i.slug), onOpen: (at) => rows[at] && open(rows[at]) });
  const add = (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
      Add instance
    </Button>
  );
  return (
    <Page title="Instances" lead="Database servers, one environment each." actions={mayAdd && add}>
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={5} />}>
          {(all) =>
            all.length ? (
              <DataTable
                label="Instances"
                columns={columns}
                rows={all}
                rowKey={(i) => i.slug}
                activeKey={active}
                onOpen={open}
              />
            ) : (
              <EmptyPanel icon={Server} title="No instances yet" action={mayAdd && add}>
                {mayAdd
                  ? "Connect the first database server. The connection is tested before it is saved, and its databases are listed by the first sync."
                  : "A DBA or an administrator connects database servers here."}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      <Suspense>{adding && <AddInstanceDialog onClose={() => setAdding(false)} />}</Suspense>
    </Page>
  );
}
