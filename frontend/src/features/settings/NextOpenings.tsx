import { useQuery } from "@tanstack/react-query";
import { CalendarClock } from "lucide-react";
import { ApiError } from "@/api/errors";
import { openingsQuery } from "@/api/queries";
import type { TierWindow } from "@/api/types";
import { ago } from "@/shared/ui/time";
import classes from "./Settings.module.css";

const local = (iso: string) =>
  new Date(iso).toLocaleString(undefined, {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });
const clock = (iso: string) =>
  new Date(iso).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

/** The next three times that windows are open, in the reader's time zone. */
export function NextOpenings({ windows }: { windows: TierWindow[] }) {
  const query = useQuery(openingsQuery(windows));
  if (query.error)
    return (
      <p className={classes.wrong} role="alert">
        {query.error instanceof ApiError ? query.error.message : "The next openings could not be worked out."}
      </p>
    );
  if (!query.data) return null;
  return (
    <div className={classes.openings} role="status">
      <CalendarClock size={14} aria-hidden />
      <div>
        Next open, in your time zone:
        <ul>
          {query.data.map((o) => (
            <li key={o.starts}>
              <time dateTime={o.starts}>{local(o.starts)}</time> – {clock(o.ends)}{" "}
              <span className={classes.sub}>{ago(o.starts)}</span>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
