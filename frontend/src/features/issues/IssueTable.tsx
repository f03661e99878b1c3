import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { IssueSummary } from "@/api/types";
import { useListKeys } from "@/shared/hooks/useListKeys";
import { DataTable } from "@/shared/ui/DataTable";
import { issueColumns } from "./IssueRow";
import { MarkedBar } from "./MarkedBar";

type Props = { label: string; issues: IssueSummary[] };
type TableProps = Props & { active?: string | number | undefined; marked?: ReadonlySet<string | number> };

/** A list of issues for the mouse. */
export function IssueTable({ label, issues, active, marked }: TableProps) {
  const navigate = useNavigate();
  return (
    <DataTable
      label={label}
      columns={issueColumns}
      rows={issues}
      rowKey={(i) => i.id}
      activeKey={active}
      {...(marked ? { markedKeys: marked } : {})}
      onOpen={(i) => void navigate({ to: "/issues/$issueId", params: { issueId: String(i.id) } })}
    />
  );
}

/** The one list of a page that also listens to the keyboard: `j` `k` Enter `x`. */
export function KeyboardIssueTable({ label, issues }: Props) {
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
  const chosen = issues.filter((i) => marked.has(i.id));
  return (
    <>
      {chosen.length > 0 && <MarkedBar issues={chosen} onClear={() => setMarked(new Set())} />}
      <IssueTable label={label} issues={issues} active={active} marked={marked} />
    </>
  );
}
