import { ActionIcon, Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Trash2, Users, UsersRound } from "lucide-react";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { groupsQuery } from "@/api/queries";
import type { GroupOut } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { AddGroupDialog } from "./AddGroupDialog";
import { GroupMembersDialog } from "./GroupMembersDialog";
import classes from "./Settings.module.css";

/** Groups of people whom approval tiers may ask. */
export function GroupsPage() {
  const me = useMe();
  const client = useQueryClient();
  const query = useQuery(groupsQuery);
  const mayEdit = mayInWorkspace(me, "group.edit");
  const [adding, setAdding] = useState(false);
  const [members, setMembers] = useState<GroupOut | null>(null);
  const [removing, setRemoving] = useState<GroupOut | null>(null);
  const add = mayEdit && (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
      Add group
    </Button>
  );
  return (
    <Page
      title="Groups"
      lead="People whom an approval tier can ask together, whatever their role. A group gives no permission."
      actions={add}
    >
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
          {(groups) =>
            groups.length ? (
              <ul className={classes.rows}>
                {groups.map((g) => (
                  <li key={g.slug} className={classes.row}>
                    <div className={classes.grow}>
                      <div className={classes.name}>{g.name}</div>
                      <div className={classes.sub}>
                        {g.slug} · {g.members} {g.members === 1 ? "person" : "people"}
                      </div>
                    </div>
                    <Button
                      variant="default"
                      leftSection={<Users size={14} aria-hidden />}
                      onClick={() => setMembers(g)}
                      aria-label={`People of ${g.name}`}
                    >
                      People
                    </Button>
                    {mayEdit && (
                      <ActionIcon aria-label={`Remove ${g.name}`} onClick={() => setRemoving(g)}>
                        <Trash2 size={15} />
                      </ActionIcon>
                    )}
                  </li>
                ))}
              </ul>
            ) : (
              <EmptyPanel icon={UsersRound} title="No groups yet" action={add}>
                {mayEdit
                  ? "Make one for those who must agree to certain changes, such as “Payments”, and name it in a step of an approval tier."
                  : "An administrator can make groups. Approval tiers ask roles and single people until then."}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      {!mayEdit && <p className={classes.sub}>An administrator can change groups.</p>}
      {adding && <AddGroupDialog onClose={() => setAdding(false)} />}
      {members && <GroupMembersDialog group={members} onClose={() => setMembers(null)} />}
      {removing && (
        <ActionDialog
          title={`Remove ${removing.name}`}
          confirm="Remove this group"
          danger
          onClose={() => setRemoving(null)}
          run={() =>
            catalog
              .deleteGroup(removing.slug, removing.version)
              .then(() => client.invalidateQueries({ queryKey: ["groups"] }))
          }
        >
          Only a group that no approval tier asks can be removed.
        </ActionDialog>
      )}
    </Page>
  );
}
