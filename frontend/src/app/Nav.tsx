import { NavLink } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import {
  BadgeCheck,
  CalendarClock,
  Database,
  Inbox,
  ListChecks,
  type LucideIcon,
  Milestone,
  ScrollText,
  Server,
  Settings,
} from "lucide-react";
import { issueListQuery } from "@/api/queries";
import type { Me } from "@/api/types";
import classes from "./Shell.module.css";
import { mayInWorkspace, useMe } from "./session";

export type Place = {
  to:
    | "/"
    | "/issues"
    | "/board"
    | "/checks"
    | "/databases"
    | "/instances"
    | "/schedules"
    | "/settings"
    | "/audit";
  label: string;
  keys: string;
  icon: LucideIcon;
  shown?: (me: Me) => boolean;
};

export const PLACES: Place[] = [
  { to: "/", label: "Inbox", keys: "g h", icon: Inbox },
  { to: "/issues", label: "Issues", keys: "g i", icon: ListChecks },
  { to: "/board", label: "Releases", keys: "g r", icon: Milestone },
  { to: "/checks", label: "Checks", keys: "g c", icon: BadgeCheck },
  { to: "/databases", label: "Databases", keys: "g d", icon: Database },
  {
    to: "/instances",
    label: "Instances",
    keys: "g n",
    icon: Server,
    shown: (me) => mayInWorkspace(me, "instance.read"),
  },
  {
    to: "/schedules",
    label: "Schedules",
    keys: "g e",
    icon: CalendarClock,
    shown: (me) => mayInWorkspace(me, "instance.read"),
  },
  { to: "/settings", label: "Settings", keys: "g s", icon: Settings },
  {
    to: "/audit",
    label: "Audit",
    keys: "g a",
    icon: ScrollText,
    shown: (me) => mayInWorkspace(me, "audit.read"),
  },
];

/** The places of the application that this caller can go to. */
export const placesFor = (me: Me) => PLACES.filter((p) => p.shown?.(me) ?? true);

export function Nav({ onLeave }: { onLeave: () => void }) {
  const me = useMe();
  const path = useLocation({ select: (l) => l.pathname });
  const waiting = useQuery(issueListQuery({ waiting_for: "me", status: "open", page_size: 50 }));
  const count = waiting.data?.items.length ?? 0;
  const many = waiting.data?.next_page_token ? `${count}+` : String(count);
  return placesFor(me).map(({ to, label, icon: Icon }) => (
    <NavLink
      key={to}
      component={Link}
      to={to}
      label={label}
      active={to === "/" ? path === "/" : path.startsWith(to)}
      aria-current={(to === "/" ? path === "/" : path.startsWith(to)) ? "page" : undefined}
      leftSection={<Icon size={16} strokeWidth={1.9} aria-hidden />}
      rightSection={
        to === "/" && count > 0 ? (
          <span className={classes.count}>
            {many}
            <span className="visually-hidden"> waiting for you</span>
          </span>
        ) : undefined
      }
      className={classes.link}
      onClick={onLeave}
    />
  ));
}
