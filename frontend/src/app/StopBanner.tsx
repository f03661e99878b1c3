import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { OctagonX } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { freezesQuery } from "@/api/queries";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./StopBanner.module.css";
import { mayInWorkspace, useMe } from "./session";

const LiftDialog = lazy(() =>
  import("@/features/freezes/LiftDialog").then((m) => ({ default: m.LiftDialog })),
);

/** On every page while everything is stopped: who did it, why, and the way back. */
export function StopBanner() {
  const me = useMe();
  const [lifting, setLifting] = useState(false);
  const stop = useQuery(freezesQuery).data?.find((f) => !f.environment && !f.project);
  if (!stop) return null;
  return (
    <section className={classes.banner} aria-label="Everything is stopped">
      <OctagonX size={18} aria-hidden className={classes.icon} />
      <p className={classes.text} role="status">
        <strong>Everything is stopped.</strong> {stop.by.name} stopped it <TimeAgo iso={stop.created_at} />: “
        {stop.reason}”. What runs is finished; nothing further starts.
      </p>
      {mayInWorkspace(me, "workspace.stop") && (
        <Button size="compact-sm" variant="default" onClick={() => setLifting(true)}>
          Let work start again
        </Button>
      )}
      <Suspense>{lifting && <LiftDialog freeze={stop} onClose={() => setLifting(false)} />}</Suspense>
    </section>
  );
}
