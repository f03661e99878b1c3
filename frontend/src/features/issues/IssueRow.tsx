import { Link } from "@tanstack/react-router";
import type { IssueSummary } from "@/api/types";
import type { Column } from "@/shared/ui/DataTable";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { issueStatus } from "@/shared/ui/status";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./IssueRow.module.css";
import { StageDots } from "./StageDots";

function Title({ issue }: { issue: IssueSummary }) {
  return (
    <div className={classes.title}>
      <Link to="/issues/$issueId" params={{ issueId: String(issue.id) }} className={classes.link}>
        {issue.title}
      </Link>
      <span className={classes.sub}>
        <span className="num">#{issue.id}</span> · {issue.project} · {issue.author.name}
        {Object.entries(issue.labels).map(([k, v]) => (
          <span key={k} className={classes.label}>
            {k}:{v}
          </span>
        ))}
      </span>
    </div>
  );
}

function Approvals({ issue }: { issue: IssueSummary }) {
  if (!issue.approvals_needed) return <span className={classes.quiet}>–</span>;
  const done = issue.approvals_done >= issue.approvals_needed;
  return (
    <span className={done ? classes.done : undefined}>
      {issue.approvals_done}/{issue.approvals_needed}
      <span className="visually-hidden"> approvals</span>
    </span>
  );
}

/** Columns of every list of issues; the title cell carries number, project and author. */
export const issueColumns: Column<IssueSummary>[] = [
  { key: "title", header: "Issue", cell: (i) => <Title issue={i} /> },
  {
    key: "status",
    header: "Status",
    width: "120px",
    cell: (i) => <StatusBadge status={issueStatus(i)} size="sm" />,
  },
  { key: "stages", header: "Stages", from: "sm", width: "1%", cell: (i) => <StageDots stages={i.stages} /> },
  { key: "approvals", header: "Approvals", from: "md", width: "90px", cell: (i) => <Approvals issue={i} /> },
  {
    key: "updated",
    header: "Updated",
    from: "md",
    width: "110px",
    align: "right",
    cell: (i) => (
      <span className={classes.quiet}>
        <TimeAgo iso={i.updated_at} />
      </span>
    ),
  },
];
