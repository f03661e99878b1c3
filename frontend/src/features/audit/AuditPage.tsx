import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { ApiError } from "@/api/errors";
import { auditQuery } from "@/api/queries";
import type { AuditOut } from "@/api/types";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { NotFound } from "@/shared/ui/NotFound";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./AuditPage.module.css";
import { auditDetail } from "./auditDetail";

const columns: Column<AuditOut>[] = [
  { key: "at", header: "When", width: "120px", cell: (a) => <TimeAgo iso={a.at} /> },
  { key: "actor", header: "Who", width: "150px", cell: (a) => a.actor?.name ?? "Penstock" },
  { key: "action", header: "Action", cell: (a) => <span className="mono">{a.action}</span> },
  { key: "resource", header: "On", cell: (a) => <span className={classes.wrap}>{a.resource}</span> },
  {
    key: "data",
    header: "Details",
    from: "md",
    cell: (a) => <span className={classes.detail}>{auditDetail(a.data)}</span>,
  },
];

/** Who did what, when. */
export function AuditPage() {
  const query = useInfiniteQuery(auditQuery({}));
  if (query.error instanceof ApiError && query.error.status === 404) return <NotFound />;
  const rows = query.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <Page title="Audit" lead="Everything that people and programs did here, newest first.">
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={10} />}>
          {() =>
            rows.length ? (
              <>
                <DataTable label="Audit log" columns={columns} rows={rows} rowKey={(a) => a.id} />
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
              <EmptyPanel icon={ScrollText} title="Nothing recorded yet">
                Sign-ins, approvals, rollouts and changes of configuration appear here.
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
    </Page>
  );
}
