import { ActionIcon, AppShell, Burger, Button, Group, Tooltip, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { Moon, Plus, Search, Sun } from "lucide-react";
import { lazy, Suspense, useCallback, useState } from "react";
import { type Command, useCommands } from "./commands";
import { LinkPill } from "./LinkPill";
import { Logo } from "./Logo";
import { Nav, placesFor } from "./Nav";
import classes from "./Shell.module.css";
import { StopBanner } from "./StopBanner";
import { mayInWorkspace, useMe } from "./session";
import { UserMenu, useTheme } from "./UserMenu";
import { useShortcuts } from "./useShortcuts";

const CommandPalette = lazy(() => import("./CommandPalette").then((m) => ({ default: m.CommandPalette })));
const HelpOverlay = lazy(() => import("./HelpOverlay").then((m) => ({ default: m.HelpOverlay })));

export function Shell() {
  const me = useMe();
  const navigate = useNavigate();
  const [navOpen, nav] = useDisclosure();
  const [over, setOver] = useState<"palette" | "help" | null>(null);
  const { dark, toggle } = useTheme();
  const openPalette = useCallback(() => setOver("palette"), []);
  const close = () => setOver(null);
  useShortcuts(openPalette);

  const commands: Command[] = [
    { id: "new", label: "New change", group: "Do", keys: "c", run: () => navigate({ to: "/issues/new" }) },
    ...placesFor(me).map(({ to, label, keys }) => ({
      id: `go-${to}`,
      label: `Go to ${label}`,
      group: "Go to",
      keys,
      run: () => void navigate({ to }),
    })),
    ...(mayInWorkspace(me, "workspace.stop")
      ? [
          {
            id: "stop",
            label: "Stop everything…",
            group: "Do",
            run: () => void navigate({ to: "/settings/freezes" }),
          },
        ]
      : []),
    { id: "theme", label: dark ? "Use light theme" : "Use dark theme", group: "Do", run: toggle },
    { id: "help", label: "Keyboard shortcuts", group: "Do", keys: "?", run: () => setOver("help") },
    { id: "palette", label: "Search", group: "Do", keys: "/", run: openPalette },
  ];
  useCommands(commands, `${me.id} ${dark}`, "everywhere");

  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 204, breakpoint: "sm", collapsed: { mobile: !navOpen } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <a className="skip" href="#main">
        Skip to content
      </a>
      <AppShell.Header className={classes.header}>
        <Group gap="xs" wrap="nowrap">
          <Burger
            opened={navOpen}
            onClick={nav.toggle}
            hiddenFrom="sm"
            size="sm"
            aria-label={navOpen ? "Close navigation" : "Open navigation"}
          />
          <Link to="/" className={classes.brand}>
            <Logo />
            Penstock
          </Link>
          <LinkPill />
        </Group>
        <Group gap={6} wrap="nowrap">
          <UnstyledButton className={classes.search} aria-keyshortcuts="Control+K" onClick={openPalette}>
            <Search size={14} aria-hidden />
            <span className={classes.searchLabel}>Search or run a command</span>
            <kbd className={`key ${classes.searchKey}`}>Ctrl K</kbd>
          </UnstyledButton>
          <Button
            component={Link}
            to="/issues/new"
            leftSection={<Plus size={15} aria-hidden />}
            className={classes.create}
            aria-label="New change"
          >
            <span className={classes.createLabel}>New change</span>
          </Button>
          <Tooltip label={dark ? "Use light theme" : "Use dark theme"}>
            <ActionIcon onClick={toggle} aria-label={dark ? "Use light theme" : "Use dark theme"}>
              {dark ? <Sun size={17} /> : <Moon size={17} />}
            </ActionIcon>
          </Tooltip>
          <UserMenu onHelp={() => setOver("help")} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Main" className={classes.nav}>
        <Nav onLeave={nav.close} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <StopBanner />
        <Outlet />
      </AppShell.Main>
      <Suspense>
        {over === "palette" && <CommandPalette onClosed={close} />}
        {over === "help" && <HelpOverlay onClose={close} />}
      </Suspense>
    </AppShell>
  );
}
