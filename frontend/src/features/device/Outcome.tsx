import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { DeviceDecision } from "@/api/types";
import classes from "./Device.module.css";

/** What became of it, and what to do next; takes the focus of the buttons that are gone. */
export function Outcome({ decision }: { decision: DeviceDecision["decision"] }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => panel.current?.focus(), []);
  return (
    <div ref={panel} className={classes.outcome} data-decision={decision} role="status" tabIndex={-1}>
      {decision === "allow" ? (
        <>
          <strong>Allowed.</strong> Go back to the terminal: it signs in within seconds. You can close this
          page. Its token will be listed under <Link to="/settings/tokens">My tokens</Link>.
        </>
      ) : (
        <>
          <strong>Denied.</strong> The command line gets nothing. You can close this page.
        </>
      )}
    </div>
  );
}
