import { ActionIcon, Button, Menu } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import {
  BellRing,
  CircleX,
  Ellipsis,
  Link2,
  Pause,
  Pencil,
  Play,
  RotateCcw,
  Type,
  Undo2,
} from "lucide-react";
import { pipelines } from "@/api/endpoints";
import type { IssueOut } from "@/api/types";
import { useCommands } from "@/app/commands";
import { say, sayError } from "@/shared/ui/say";
import type { IssueDialog } from "./IssueDialogs";
import { issueAction } from "./issueAction";
import { ReviewPopover } from "./ReviewPopover";
import { RunStageButton } from "./RunStageButton";
import type { Change, Seen } from "./seen";

type Props = {
  issue: IssueOut;
  seen: Seen;
  changed: Change | null;
  reviewing: boolean;
  onReviewing: (on: boolean) => void;
  onDialog: (dialog: IssueDialog) => void;
  onEditSql: () => void;
  onEditText: () => void;
};

/** One primary action per state, everything else in the menu and the palette. */
export function IssueActions(props: Props) {
  const { issue, seen, changed, reviewing, onReviewing, onDialog, onEditSql, onEditText } = props;
  const client = useQueryClient();
  const action = issueAction(issue);
  const can = (what: string) => issue.actions.includes(what);
  const retry = useMutation({
    mutationFn: (stage: string) => pipelines.retryFailed(issue.pipeline.id, stage),
    onSuccess: () =>
      client.invalidateQueries({
        predicate: (q) => ["issue", "tasks", "task", "activity"].includes(String(q.queryKey[0])),
      }),
    onError: sayError,
  });
  const copyLink = async () => {
    await navigator.clipboard.writeText(`${window.location.origin}/issues/${issue.id}`);
    say("Link copied.");
  };
  const menu = [
    can("edit") &&
      issue.release !== null && { id: "edit-sql", label: "Edit SQL…", icon: Pencil, run: onEditSql },
    can("edit") && { id: "edit-text", label: "Edit title and description…", icon: Type, run: onEditText },
    can("request_approval") && {
      id: "request-approval",
      label: "Ask again for approval…",
      icon: BellRing,
      run: () => onDialog({ kind: "request" }),
    },
    can("hold") && { id: "hold", label: "Put on hold…", icon: Pause, run: () => onDialog({ kind: "hold" }) },
    can("resume") && { id: "resume", label: "Resume…", icon: Play, run: () => onDialog({ kind: "resume" }) },
    { id: "copy-link", label: "Copy link", icon: Link2, run: () => void copyLink().catch(sayError) },
    can("reopen") && {
      id: "reopen",
      label: "Reopen…",
      icon: RotateCcw,
      run: () => onDialog({ kind: "reopen" }),
    },
    can("revert") && {
      id: "revert",
      label: "Create revert issue…",
      icon: Undo2,
      run: () => onDialog({ kind: "revert" }),
    },
    can("cancel") && {
      id: "cancel",
      label: "Cancel issue…",
      icon: CircleX,
      run: () => onDialog({ kind: "cancel" }),
      danger: true,
    },
  ].filter((m) => m !== false);
  useCommands(
    [
      ...menu.map(({ id, label, run }) => ({ id: `issue-${id}`, label, group: "This issue", run })),
      ...(action.kind === "review"
        ? [
            {
              id: "issue-review",
              label: "Review",
              group: "This issue",
              keys: "r",
              run: () => onReviewing(true),
            },
          ]
        : []),
      ...(action.kind === "advance"
        ? [
            {
              id: "issue-run",
              label: `Run ${action.stage}`,
              group: "This issue",
              run: () => onDialog({ kind: "advance", stage: action.stage }),
            },
          ]
        : []),
    ],
    `${issue.id} ${issue.actions.join()} ${JSON.stringify(action)}`,
  );
  const runStage =
    action.kind === "advance" ? issue.pipeline.stages.find((s) => s.name === action.stage) : undefined;
  return (
    <>
      {action.kind === "review" && (
        <ReviewPopover
          issue={issue}
          seen={seen}
          changed={changed}
          opened={reviewing}
          onOpened={onReviewing}
        />
      )}
      {action.kind === "advance" && runStage && (
        <RunStageButton
          stage={runStage}
          open
          primary
          onRun={() => onDialog({ kind: "advance", stage: action.stage })}
        />
      )}
      {action.kind === "retry" && (
        <Button
          leftSection={<RotateCcw size={14} aria-hidden />}
          loading={retry.isPending}
          onClick={() => retry.mutate(action.stage)}
        >
          Retry {action.count} failed
        </Button>
      )}
      {action.kind === "resume" && (
        <Button leftSection={<Play size={14} aria-hidden />} onClick={() => onDialog({ kind: "resume" })}>
          Resume
        </Button>
      )}
      {action.kind === "cancel" && (
        <Button
          variant="default"
          leftSection={<CircleX size={14} aria-hidden />}
          onClick={() => onDialog({ kind: "cancel" })}
        >
          Cancel
        </Button>
      )}
      {action.kind === "reopen" && (
        <Button
          variant="default"
          leftSection={<RotateCcw size={14} aria-hidden />}
          onClick={() => onDialog({ kind: "reopen" })}
        >
          Reopen
        </Button>
      )}
      <Menu width={240}>
        <Menu.Target>
          <ActionIcon variant="default" aria-label="More actions">
            <Ellipsis size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {menu.map((m) => (
            <Menu.Item
              key={m.id}
              leftSection={<m.icon size={14} aria-hidden />}
              color={"danger" in m ? "var(--tone-bad-fg)" : undefined}
              onClick={m.run}
            >
              {m.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
