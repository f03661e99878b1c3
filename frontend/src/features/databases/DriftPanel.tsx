import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Minus, Pencil, Plus } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { driftQuery, newestDriftQuery } from "@/api/queries";
import type { DatabaseOut, DriftOut, SchemaChange } from "@/api/types";
import { may, useMe } from "@/app/session";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Drift.module.css";
import { detailLines, driftBadge, objectText } from "./driftText";

const DriftDialog = lazy(() => import("./DriftDialog").then((m) => ({ default: m.DriftDialog })));
const FIRST = 12;
const SIGNS = { added: Plus, removed: Minus, changed: Pencil } as const;

function Change({ change }: { change: SchemaChange }) {
  const Sign = SIGNS[change.kind];
  return (
    <li className={classes.change} data-kind={change.kind}>
      <span className={classes.kind}>
        <Sign size={13} aria-hidden /> {change.kind}
      </span>
      <span className={classes.what}>
        <code>{objectText(change)}</code>
        {detailLines(change).map((line) => (
          <span key={line} className={classes.detail}>
            {line}
          </span>
        ))}
      </span>
    </li>
  );
}

function Changes({ drift }: { drift: DriftOut }) {
  const query = useQuery(driftQuery(drift.id));
  const [all, setAll] = useState(false);
  return (
    <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
      {({ diff }) => (
        <>
          <ul className={classes.changes} aria-label="What differs">
            {(all ? diff : diff.slice(0, FIRST)).map((change) => (
              <Change key={`${change.type} ${change.path.join("\u0000")}`} change={change} />
            ))}
          </ul>
          {!all && diff.length > FIRST && (
            <Button variant="default" size="xs" onClick={() => setAll(true)}>
              Show all {diff.length.toLocaleString()}
            </Button>
          )}
        </>
      )}
    </QueryGate>
  );
}

function Standing({ drift }: { drift: DriftOut }) {
  const me = useMe();
  const [asking, setAsking] = useState<"accept" | "ignore" | null>(null);
  const decides = may(me, "drift.accept", drift.project);
  return (
    <Panel
      title="Not as expected"
      actions={<StatusBadge status={driftBadge(drift.status)} size="sm" />}
      id="drift"
    >
      <div className={classes.body}>
        <p className={classes.lead}>
          {drift.status === "open" ? (
            <>
              Somebody has changed this database past Penstock. First seen{" "}
              <TimeAgo iso={drift.first_seen_at} />, last seen <TimeAgo iso={drift.last_seen_at} />.
            </>
          ) : (
            <>
              {drift.decided_by?.name ?? "Somebody"} ignores this
              {drift.ignored_until ? (
                <>
                  {" "}
                  until <TimeAgo iso={drift.ignored_until} />, or
                </>
              ) : null}{" "}
              until it changes again{drift.comment && `: “${drift.comment}”`}
            </>
          )}
        </p>
        <Changes drift={drift} />
        {decides ? (
          <div className={classes.actions}>
            <Button onClick={() => setAsking("accept")}>Accept as it is</Button>
            {drift.status === "open" && (
              <Button variant="default" onClick={() => setAsking("ignore")}>
                Ignore
              </Button>
            )}
          </div>
        ) : (
          <span className={classes.quiet}>A project owner or a DBA can accept or ignore this.</span>
        )}
      </div>
      {asking && (
        <Suspense>
          <DriftDialog drift={drift} action={asking} onClose={() => setAsking(null)} />
        </Suspense>
      )}
    </Panel>
  );
}

/** What is not as expected in a database, and what to say of it; nothing where all is well. */
export function DriftPanel({ database }: { database: DatabaseOut }) {
  const { data: drift } = useQuery(newestDriftQuery(database.id));
  if (!drift || (drift.status !== "open" && drift.status !== "ignored")) return null;
  return <Standing key={drift.id} drift={drift} />;
}
