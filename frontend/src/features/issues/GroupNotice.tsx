import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { DatabaseZap } from "lucide-react";
import { useState } from "react";
import { changes } from "@/api/endpoints";
import { issueQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import classes from "./GroupNotice.module.css";
import { groupChange } from "./groupChange";

/** Databases that joined or left the group of an issue since it was filed, and how they are taken in. */
export function GroupNotice({ issue }: { issue: IssueOut }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const change = issue.group && groupChange(issue.group);
  if (issue.status !== "open" || !issue.group || !change) return null;
  const { joined_databases: names, joined } = issue.group;
  return (
    <section className={classes.notice} aria-label="Changes of the database group">
      <DatabaseZap size={16} aria-hidden />
      <div className={classes.text}>
        <strong>{change}</strong> in the group {issue.group.slug}.
        {joined > 0 && (
          <span className={classes.names}>
            {names.slice(0, 5).join(", ")}
            {joined > 5 && ` and ${joined - 5} more`}
          </span>
        )}
      </div>
      {issue.actions.includes("edit") && (
        <Button variant="default" onClick={() => setAsking(true)}>
          Re-resolve…
        </Button>
      )}
      {asking && (
        <ActionDialog
          title="Choose the databases again"
          confirm="Re-resolve"
          onClose={() => setAsking(false)}
          run={async () => {
            const fresh = await changes.resolveGroupAgain(issue.id);
            client.setQueryData(issueQuery(issue.id).queryKey, fresh);
            for (const key of ["tasks", "activity", "issues"])
              void client.invalidateQueries({ queryKey: [key] });
          }}
        >
          This is an edit: approvals of every stage that changes become stale, and you cannot approve it
          afterwards. Databases on which something has started stay.
        </ActionDialog>
      )}
    </section>
  );
}
