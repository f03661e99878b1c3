import { ActionIcon, Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CircleUserRound, Keyboard, KeyRound, LogOut, Moon, Sun } from "lucide-react";
import { setCsrf } from "@/api/client";
import { auth } from "@/api/endpoints";
import { ApiError } from "@/api/errors";
import { useMe } from "./session";

const ROLE = { admin: "Administrator", dba: "DBA", member: "Member" };

export function useTheme() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return { dark, toggle: () => setColorScheme(dark ? "light" : "dark") };
}

export function UserMenu({ onHelp }: { onHelp: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { dark, toggle } = useTheme();
  const logout = async () => {
    try {
      await auth.logout();
    } catch (error) {
      // An ended session is what we want anyway.
      if (!(error instanceof ApiError && error.status === 401)) throw error;
    }
    setCsrf(null);
    client.clear();
    await navigate({ to: "/login" });
  };
  return (
    <Menu width={230}>
      <Menu.Target>
        <ActionIcon aria-label={`Account of ${me.name}`}>
          <CircleUserRound size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.name} · {ROLE[me.workspace_role]}
          {me.email && <div>{me.email}</div>}
        </Menu.Label>
        <Menu.Item
          leftSection={<KeyRound size={14} aria-hidden />}
          onClick={() => navigate({ to: "/settings/tokens" })}
        >
          Access tokens
        </Menu.Item>
        <Menu.Item
          leftSection={dark ? <Sun size={14} aria-hidden /> : <Moon size={14} aria-hidden />}
          onClick={toggle}
        >
          {dark ? "Use light theme" : "Use dark theme"}
        </Menu.Item>
        <Menu.Item leftSection={<Keyboard size={14} aria-hidden />} onClick={onHelp}>
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<LogOut size={14} aria-hidden />} onClick={() => void logout()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
