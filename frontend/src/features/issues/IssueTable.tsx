import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { IssueSummary } from "@/api/types";
import { useListKeys } from "@/shared/hooks/useListKeys";
import { DataTable } from "@/shared/ui/DataTable";
import { issueColumns } from "./IssueRow";

type Props = { label: string; issues: IssueSummary[]; keyboard?: boolean };

function Keyboard({
  issues,
  children,
}: {
  issues: IssueSummary[];
  children: (a: number | string | undefined, marked: ReadonlySet<string | number>) => React.ReactNode;
}) {
  const navigate = useNavigate();
  const [marked, setMarked] = useState<ReadonlySet<string | number>>(new Set());
  const active = useListKeys({
    keys: issues.map((i) => i.id),
    onOpen: (at) => {
      const issue = issues[at];
      if (issue) void navigate({ to: "/issues/$issueId", params: { issueId: String(issue.id) } });
    },
    onMark: (at) => {
      const id = issues[at]?.id;
      if (id === undefined) return;
      setMarked((old) => (old.has(id) ? new Set([...old].filter((k) => k !== id)) : new Set([...old, id])));
    },
  });
  return children(active, marked);
}

/** A list of issues; only one list of a page listens to the keyboard. */
export function IssueTable({ label, issues, keyboard = false }: Props) {
  const navigate = useNavigate();
  const table = (active?: string | number, marked?: ReadonlySet<string | number>) => (
    <DataTable
      label={label}
      columns={issueColumns}
      rows={issues}
      rowKey={(i) => i.id}
      activeKey={active}
      markedKeys={marked}
      onOpen={(i) => void navigate({ to: "/issues/$issueId", params: { issueId: String(i.id) } })}
    />
  );
  return keyboard ? <Keyboard issues={issues}>{table}</Keyboard> : table();
}
