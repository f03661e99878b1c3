import { Group, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { IssueOut } from "@/api/types";
import { useMe } from "@/app/session";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { issueStatus } from "@/shared/ui/status";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./IssueHeader.module.css";
import { parties } from "./parties";

/** Sticky: what this is, how it stands, whom it waits for, what to do next. */
export function IssueHeader({ issue, actions }: { issue: IssueOut; actions: ReactNode }) {
  const me = useMe();
  const { stages } = issue.pipeline;
  const total = stages.reduce((sum, s) => sum + s.counts.total, 0);
  // Stages made for a release have one task per database; in stages of one's own a database may come up again.
  const unit = stages.every((s) => s.name === s.environment) ? "database" : "task";
  const status = issueStatus({
    status: issue.status,
    result: issue.pipeline.result,
    held: issue.pipeline.held,
  });
  return (
    <header className={classes.header}>
      <div className={classes.text}>
        <Group gap="xs" wrap="nowrap" align="center">
          <Title order={1} className={classes.title}>
            {issue.title} <span className={classes.number}>#{issue.id}</span>
          </Title>
          <StatusBadge status={status} />
        </Group>
        <p className={classes.facts}>
          {issue.author.name} filed it <TimeAgo iso={issue.created_at} /> · {issue.project} ·{" "}
          <span className="num">
            {total} {total === 1 ? unit : `${unit}s`}
          </span>
          {issue.revision > 1 && ` · revision ${issue.revision}`}
          {issue.status === "open" && issue.waiting_for.length > 0 && (
            <>
              {" · "}
              <strong>Waiting for {parties(issue.waiting_for, me)}</strong>
            </>
          )}
        </p>
      </div>
      <div className={classes.actions} role="toolbar" aria-label="Issue actions">
        {actions}
      </div>
    </header>
  );
}
