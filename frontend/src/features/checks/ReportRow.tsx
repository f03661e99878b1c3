import type { StatusOut } from "@/api/types";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { CheckBadge } from "./CheckBadge";
import classes from "./Checks.module.css";
import { databaseWord, webLink } from "./checkWords";

type Props = { report: StatusOut; name?: string; about: string };

/** One report: how it stands, in whose words, and where to read more. */
export function ReportRow({ report, name, about }: Props) {
  const link = webLink(report.target_url);
  return (
    <li className={classes.report}>
      <div className={classes.line}>
        {name && <span className={classes.context}>{name}</span>}
        <CheckBadge state={report.state} />
        {link && (
          <a
            href={link}
            target="_blank"
            rel="noreferrer noopener"
            aria-label={`Details of ${report.context}`}
          >
            Details
          </a>
        )}
      </div>
      {report.description && <div className={classes.words}>{report.description}</div>}
      <div className={classes.sub}>
        {about} · {databaseWord(report)} · {report.reported_by.name} · <TimeAgo iso={report.created_at} />
      </div>
    </li>
  );
}
