import { Button, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { FileWarning } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { releaseQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { releaseText } from "./releaseText";
import classes from "./StaleNotice.module.css";
import type { Change, Seen } from "./seen";

const SqlDiff = lazy(() => import("@/features/sql/SqlDiff").then((m) => ({ default: m.SqlDiff })));

function Diff({ before, after }: { before: number; after: number }) {
  const old = useQuery(releaseQuery(before));
  const now = useQuery(releaseQuery(after));
  if (!old.data || !now.data) return <Skeleton h={160} />;
  return (
    <Suspense fallback={<Skeleton h={160} />}>
      <SqlDiff before={releaseText(old.data)} after={releaseText(now.data)} label="What changed in the SQL" />
    </Suspense>
  );
}

type Props = { issue: IssueOut; seen: Seen; changed: Change; onLooked: () => void };

/** The change is not what this page showed: approving waits until the reader has looked again. */
export function StaleNotice({ issue, seen, changed, onLooked }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <section className={classes.notice} aria-label="Changed since you opened this page">
      <div className={classes.line}>
        <FileWarning size={16} aria-hidden />
        <div className={classes.text} role="status">
          <strong>
            {changed.sql
              ? "The SQL changed since you opened this page."
              : "What runs on some databases changed since you opened this page."}
          </strong>{" "}
          {issue.last_editor.name} made it revision {issue.revision}; it concerns {changed.stages.join(", ")}.
          Approvals of the old revision do not count.
        </div>
        {changed.sql && (
          <Button variant="default" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Hide what changed" : "Show what changed"}
          </Button>
        )}
        <Button variant="default" onClick={onLooked}>
          I have looked at it
        </Button>
      </div>
      {open && seen.release !== null && issue.release !== null && (
        <Diff before={seen.release} after={issue.release} />
      )}
    </section>
  );
}
