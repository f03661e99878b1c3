import { ActionIcon, Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { ChevronDown, ChevronRight, Pencil, Trash2 } from "lucide-react";
import { useId, useState } from "react";
import { catalog } from "@/api/endpoints";
import type { DatabaseGroupOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import classes from "./Groups.module.css";
import { Selected } from "./Selected";

type Props = { group: DatabaseGroupOut; mayEdit: boolean; onEdit: () => void };

/** One group with its selector; opened, it lists what it selects now. */
export function GroupRow({ group, mayEdit, onEdit }: Props) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [removing, setRemoving] = useState(false);
  const list = useId();
  const count = group.databases === 1 ? "1 database" : `${group.databases} databases`;
  return (
    <li className={classes.row}>
      <div className={classes.line}>
        <div className={classes.grow}>
          <div className={classes.name}>{group.slug}</div>
          <code className={classes.selector}>{group.selector}</code>
        </div>
        <Button
          variant="subtle"
          aria-expanded={open}
          aria-controls={list}
          rightSection={open ? <ChevronDown size={14} aria-hidden /> : <ChevronRight size={14} aria-hidden />}
          onClick={() => setOpen(!open)}
          aria-label={`${count} of ${group.slug}`}
        >
          {count}
        </Button>
        {mayEdit && (
          <>
            <ActionIcon aria-label={`Edit ${group.slug}`} onClick={onEdit}>
              <Pencil size={14} />
            </ActionIcon>
            <ActionIcon aria-label={`Remove ${group.slug}`} onClick={() => setRemoving(true)}>
              <Trash2 size={15} />
            </ActionIcon>
          </>
        )}
      </div>
      <div id={list}>{open && <Selected project={group.project} selector={group.selector} />}</div>
      {removing && (
        <ActionDialog
          title={`Remove ${group.slug}`}
          confirm="Remove this group"
          danger
          onClose={() => setRemoving(false)}
          run={() =>
            catalog
              .deleteDatabaseGroup(group.project, group.slug, group.version)
              .then(() => client.invalidateQueries({ queryKey: ["database-groups"] }))
          }
        >
          The databases stay, and so do changes that were filed for this group.
        </ActionDialog>
      )}
    </li>
  );
}
