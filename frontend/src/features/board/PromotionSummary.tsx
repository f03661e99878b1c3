import { Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ban, Check } from "lucide-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { releaseQuery } from "@/api/queries";
import type { PromotionPreview } from "@/api/types";
import { BlockerList } from "@/features/issues/BlockerList";
import classes from "./Board.module.css";
import { many, pending } from "./boardWords";

const SqlView = lazy(() => import("@/features/sql/SqlView").then((m) => ({ default: m.SqlView })));
const SHOWN = 200;

function Change({ release, change }: { release: number; change: PromotionPreview["changes"][number] }) {
  const [open, setOpen] = useState(false);
  const texts = useQuery({ ...releaseQuery(release), enabled: open });
  const text = texts.data?.changes.find((c) => c.version === change.version);
  return (
    <details className={classes.change} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>
        <span className="mono">{change.version}</span> {change.name}{" "}
        <span className={classes.quiet}>
          {change.pending > 0 ? `runs on ${many(change.pending, "database")}` : "is there already"}
        </span>
      </summary>
      {open && (
        <Suspense fallback={<Skeleton h={60} />}>
          {text ? (
            <SqlView
              value={text.statement}
              label={`SQL of ${change.name || change.version}`}
              engine={text.engine}
            />
          ) : (
            <Skeleton h={60} />
          )}
        </Suspense>
      )}
    </details>
  );
}

type Props = { preview: PromotionPreview; release: number; targets: ReactNode };

/** What a promotion would do: the verdict first, then the changes with their SQL, the databases, and whom it waits for. */
export function PromotionSummary({ preview, release, targets }: Props) {
  return (
    <div className={classes.summary}>
      <div className={classes.verdict} data-allowed={preview.allowed}>
        {preview.allowed ? <Check size={16} aria-hidden /> : <Ban size={16} aria-hidden />}
        <div>
          <strong>{preview.allowed ? "It may be promoted." : "It may not be promoted now."}</strong>{" "}
          {preview.allowed && pending(preview)}
          {preview.refusals.map((r) => (
            <div key={r.code}>
              {r.message}{" "}
              {r.issue !== null && (
                <Link to="/issues/$issueId" params={{ issueId: String(r.issue) }}>
                  Issue #{r.issue}
                </Link>
              )}
            </div>
          ))}
        </div>
      </div>
      {preview.changes.length > 0 && (
        <section aria-label="Changes">
          <h3 className={classes.part}>{many(preview.changes.length, "change")}</h3>
          {preview.changes.slice(0, SHOWN).map((c) => (
            <Change key={c.version} release={release} change={c} />
          ))}
          {preview.changes.length > SHOWN && (
            <div className={classes.quiet}>and {preview.changes.length - SHOWN} more</div>
          )}
        </section>
      )}
      {targets}
      {preview.allowed && (
        <section aria-label="Before it runs">
          <h3 className={classes.part}>Before it runs</h3>
          {preview.blockers.length > 0 ? (
            <BlockerList blockers={preview.blockers} />
          ) : (
            <div>Nothing holds it there: it starts as soon as it is promoted.</div>
          )}
        </section>
      )}
    </div>
  );
}
