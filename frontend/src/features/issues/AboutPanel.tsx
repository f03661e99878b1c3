import { Link } from "@tanstack/react-router";
import type { IssueOut } from "@/api/types";
import { Panel } from "@/shared/ui/Panel";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./AboutPanel.module.css";

/** Facts that do not change often: who, where, which release. */
export function AboutPanel({ issue }: { issue: IssueOut }) {
  const labels = Object.entries(issue.labels);
  return (
    <Panel title="About">
      <dl className={classes.facts}>
        <dt>Project</dt>
        <dd>
          <Link to="/issues" search={{ q: `project:${issue.project}` }}>
            {issue.project}
          </Link>
        </dd>
        <dt>Author</dt>
        <dd>{issue.author.name}</dd>
        {issue.last_editor.id !== issue.author.id && (
          <>
            <dt>Last edit</dt>
            <dd>{issue.last_editor.name}</dd>
          </>
        )}
        <dt>Updated</dt>
        <dd>
          <TimeAgo iso={issue.updated_at} />
        </dd>
        {issue.release !== null && issue.release_digest !== null && (
          <>
            <dt>Release</dt>
            <dd>
              #{issue.release}{" "}
              <span className="mono" title={issue.release_digest}>
                {issue.release_digest.replace("sha256:", "").slice(0, 10)}
              </span>
            </dd>
          </>
        )}
        {issue.promoted_from !== null && (
          <>
            <dt>Promoted</dt>
            <dd>
              from{" "}
              <Link to="/board" search={{ project: issue.project }}>
                {issue.promoted_from}
              </Link>
            </dd>
          </>
        )}
        {issue.reverts !== null && (
          <>
            <dt>Takes back</dt>
            <dd>
              <Link to="/issues/$issueId" params={{ issueId: String(issue.reverts) }}>
                #{issue.reverts}
              </Link>
            </dd>
          </>
        )}
        {labels.length > 0 && (
          <>
            <dt>Labels</dt>
            <dd>{labels.map(([k, v]) => `${k}:${v}`).join(", ")}</dd>
          </>
        )}
      </dl>
    </Panel>
  );
}
