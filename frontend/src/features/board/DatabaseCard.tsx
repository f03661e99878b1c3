import { Link } from "@tanstack/react-router";
import type { BoardDatabase } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Board.module.css";
import { standing } from "./boardWords";

/** A database: what it has, how it stands, what is on its way. */
export function DatabaseCard({ database }: { database: BoardDatabase }) {
  const { current, coming } = database;
  return (
    <li className={classes.card} data-standing={database.behind > 0 ? "behind" : current ? "good" : "empty"}>
      <div className={classes.line}>
        <Link
          to="/databases/$databaseId"
          params={{ databaseId: String(database.id) }}
          className={classes.name}
        >
          {database.name}
        </Link>
        {current && (
          <span className={classes.version}>
            {current.version}
            <span className="visually-hidden">, </span>
          </span>
        )}
      </div>
      <div className={classes.quiet}>
        {database.instance}
        {current && (
          <>
            {" "}
            · release #{current.release} <TimeAgo iso={current.applied_at} />
          </>
        )}
      </div>
      <div className={classes.line}>
        <span className={classes.standing}>{standing(database)}</span>
        {coming && (
          <span className={classes.coming}>
            <Link to="/issues/$issueId" params={{ issueId: String(coming.issue) }}>
              #{coming.issue}
            </Link>
            <StatusBadge status={coming.status} size="sm" />
          </span>
        )}
      </div>
    </li>
  );
}
