import { Lock } from "lucide-react";
import type { CheckCell } from "@/api/types";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { CheckBadge } from "./CheckBadge";
import classes from "./Checks.module.css";

type Props = { context: string; environment: string; cell: CheckCell; onOpen: () => void };

/** How a context stands in an environment; opens its history. */
export function CellButton({ context, environment, cell, onOpen }: Props) {
  return (
    <button type="button" className={classes.cell} onClick={onOpen}>
      <span className="visually-hidden">
        {context} in {environment}:{" "}
      </span>
      <CheckBadge state={cell.state} />
      <span className={classes.sub}>
        {cell.required && (
          <span className={classes.required}>
            <Lock size={11} aria-hidden /> Required
          </span>
        )}
        {cell.latest && (
          <span>
            #{cell.latest.release} · <TimeAgo iso={cell.latest.created_at} />
          </span>
        )}
      </span>
    </button>
  );
}
