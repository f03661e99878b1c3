import { Link, Outlet } from "@tanstack/react-router";
import type { Me } from "@/api/types";
import { may, mayInWorkspace, useMe } from "@/app/session";
import classes from "./Settings.module.css";

type Tab = {
  to:
    | "/settings/environments"
    | "/settings/tiers"
    | "/settings/freezes"
    | "/settings/groups"
    | "/settings/projects"
    | "/settings/users"
    | "/settings/service-accounts"
    | "/settings/plugins"
    | "/settings/repositories"
    | "/settings/tokens";
  label: string;
  shown?: (me: Me) => boolean;
};

const TABS: Tab[] = [
  { to: "/settings/environments", label: "Environments" },
  { to: "/settings/tiers", label: "Approval tiers" },
  { to: "/settings/freezes", label: "Freezes" },
  { to: "/settings/groups", label: "Groups" },
  { to: "/settings/projects", label: "Projects" },
  { to: "/settings/users", label: "Users", shown: (me) => mayInWorkspace(me, "user.read") },
  {
    to: "/settings/service-accounts",
    label: "Service accounts",
    shown: (me) => mayInWorkspace(me, "service_account.edit"),
  },
  { to: "/settings/plugins", label: "Plugins", shown: (me) => may(me, "plugin.read") },
  { to: "/settings/repositories", label: "Repositories", shown: (me) => may(me, "repository.read") },
  { to: "/settings/tokens", label: "My tokens" },
];

export function SettingsLayout() {
  const me = useMe();
  return (
    <div className={classes.layout}>
      <nav aria-label="Settings" className={classes.tabs}>
        {TABS.filter((t) => t.shown?.(me) ?? true).map((t) => (
          <Link key={t.to} to={t.to} className={classes.tab} activeProps={{ "aria-current": "page" }}>
            {t.label}
          </Link>
        ))}
      </nav>
      <Outlet />
    </div>
  );
}
