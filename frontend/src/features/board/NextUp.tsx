import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import type { BoardNext } from "@/api/types";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Board.module.css";
import { ahead } from "./boardWords";

type Props = { release: BoardNext; target: string; mayPromote: boolean; onPromote: () => void };

/** A release that could go on, or the issue that is about to take it there. */
export function NextUp({ release, target, mayPromote, onPromote }: Props) {
  return (
    <div className={classes.next}>
      <div className={classes.line}>
        <strong>Release #{release.release}</strong>
        <span className={classes.quiet}>
          <TimeAgo iso={release.applied_at} />
        </span>
      </div>
      <div className={classes.quiet}>{ahead(release, target)}</div>
      {release.issue !== null ? (
        <Link to="/issues/$issueId" params={{ issueId: String(release.issue) }}>
          On its way in issue #{release.issue}
        </Link>
      ) : (
        mayPromote && (
          <Button rightSection={<ArrowRight size={14} aria-hidden />} onClick={onPromote}>
            Promote to {target}
            <span className="visually-hidden"> (release #{release.release})</span>
          </Button>
        )
      )}
    </div>
  );
}
