import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { sessionsQuery } from "@/api/queries";
import type { SessionOut } from "@/api/types";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./SessionsPanel.module.css";
import { headline, lockTexts, roleText, sessionName, waitText } from "./sessions";

function Row({ session: s }: { session: SessionOut }) {
  const facts = [
    s.username && `as ${s.username}`,
    s.client && `from ${s.client}`,
    s.database && `in ${s.database}`,
    s.state,
  ].filter(Boolean);
  const locks = lockTexts(s);
  return (
    <li className={classes.session} data-role={s.role}>
      <div>
        <strong>{roleText(s)}</strong> · <span className="mono">{sessionName(s)}</span>
      </div>
      <div className={classes.quiet}>
        {facts.join(" · ")}
        {s.transaction_started_at && (
          <>
            {" · transaction since "}
            <TimeAgo iso={s.transaction_started_at} />
          </>
        )}
        {s.started_at && (
          <>
            {" · connected "}
            <TimeAgo iso={s.started_at} />
          </>
        )}
      </div>
      {s.waits_for && <div className={classes.quiet}>waits for {waitText(s.waits_for)}</div>}
      {s.blocked_by.length > 0 && <div className={classes.quiet}>behind pid {s.blocked_by.join(", ")}</div>}
      {s.query && <pre className={classes.query}>{s.query}</pre>}
      {locks.length > 0 && (
        <details>
          <summary>
            {locks.length} {locks.length === 1 ? "lock" : "locks"}
          </summary>
          {locks.map((l) => (
            <Fragment key={l}>
              {l}
              <br />
            </Fragment>
          ))}
        </details>
      )}
    </li>
  );
}

/** Who is in the way of a task in its database, asked anew every few seconds while it is looked at. */
export function SessionsPanel({ task }: { task: number }) {
  const query = useQuery(sessionsQuery(task));
  return (
    <section className={classes.panel} aria-label="Sessions in the database">
      <QueryGate query={query} skeleton={<SkeletonRows rows={2} />}>
        {({ sessions, observed_at }) => (
          <>
            <p className={classes.headline} role="status">
              {headline(sessions)}{" "}
              <span className={classes.quiet}>
                Seen <TimeAgo iso={observed_at} />.
              </span>
            </p>
            {sessions.length > 0 && (
              <ul className={classes.sessions} aria-label="Sessions">
                {sessions.map((s) => (
                  <Row key={`${s.role}/${s.pid}`} session={s} />
                ))}
              </ul>
            )}
          </>
        )}
      </QueryGate>
    </section>
  );
}
