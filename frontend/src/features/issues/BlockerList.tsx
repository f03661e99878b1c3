import {
  BadgeCheck,
  CircleDashed,
  CircleHelp,
  Clock,
  Hand,
  Lock,
  type LucideIcon,
  Pause,
  Play,
  ScanSearch,
  Unplug,
  UserRoundCheck,
} from "lucide-react";
import type { Blocker } from "@/api/types";
import { useMe } from "@/app/session";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { absolute } from "@/shared/ui/time";
import classes from "./BlockerList.module.css";
import { sortBlockers } from "./blockers";
import { parties, toldAlready } from "./parties";

const ICONS: Record<string, LucideIcon> = {
  approval: UserRoundCheck,
  advance: Play,
  review: ScanSearch,
  hold: Pause,
  order: Clock,
  freeze: Lock,
  limit: Hand,
  lock: Lock,
  "failure-budget": Hand,
  "unknown-outcome": CircleHelp,
  window: Clock,
  soak: Clock,
  "status-check": BadgeCheck,
  "lower-environments": Clock,
  "target-unreachable": Unplug,
};

/** All reasons, not only the first: what is missing, who can clear it, when it clears by itself. */
export function BlockerList({ blockers }: { blockers: Blocker[] }) {
  const me = useMe();
  return (
    <ul className={classes.list}>
      {sortBlockers(blockers).map((b) => {
        const Icon = ICONS[b.gate] ?? CircleDashed;
        // The message names the other task already, with its issue.
        const who = b.waiting_for.filter((w) => !w.startsWith("task:"));
        return (
          <li key={`${b.gate}/${b.code}/${b.message}`} className={classes.item}>
            <Icon size={15} aria-hidden />
            <div>
              {b.message}
              {who.length > 0 && !toldAlready(b.message, who) && (
                <span className={classes.who} title={who.join(", ")}>
                  {" "}
                  Waiting for {parties(who, me)}.
                </span>
              )}
              {b.clears_at && (
                <span className={classes.who} title={absolute(b.clears_at)}>
                  {" "}
                  Clears by itself <TimeAgo iso={b.clears_at} />.
                </span>
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
