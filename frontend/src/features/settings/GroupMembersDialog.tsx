import { ActionIcon, Button, Modal, Skeleton, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2, UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { catalog } from "@/api/endpoints";
import { groupMembersQuery } from "@/api/queries";
import type { GroupOut, Person } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import classes from "./Settings.module.css";

function Members({ group, members }: { group: GroupOut; members: Person[] }) {
  const me = useMe();
  const client = useQueryClient();
  const mayEdit = mayInWorkspace(me, "group.edit");
  const [email, setEmail] = useState("");
  const emails = members.map((m) => m.email ?? "");
  const put = useMutation({
    mutationFn: (next: string[]) => catalog.putGroupMembers(group.slug, next),
    onSuccess: (fresh) => {
      client.setQueryData(groupMembersQuery(group.slug).queryKey, fresh);
      for (const key of ["groups", "issue"]) void client.invalidateQueries({ queryKey: [key] });
      setEmail("");
    },
  });
  const add = (event: FormEvent) => {
    event.preventDefault();
    const wanted = email.trim();
    if (wanted && !emails.includes(wanted)) put.mutate([...emails, wanted]);
  };
  return (
    <Stack gap="sm">
      <ul className={classes.rows}>
        {members.map((m) => (
          <li key={m.id} className={classes.row} style={{ paddingInline: 0 }}>
            <div className={classes.grow}>
              <div className={classes.name}>{m.name}</div>
              <div className={classes.sub}>{m.email}</div>
            </div>
            {mayEdit && (
              <ActionIcon
                aria-label={`Remove ${m.name}`}
                onClick={() => put.mutate(emails.filter((e) => e !== m.email))}
              >
                <Trash2 size={15} />
              </ActionIcon>
            )}
          </li>
        ))}
        {members.length === 0 && (
          <li className={classes.sub}>Nobody yet: a step that asks only this group cannot be filled.</li>
        )}
      </ul>
      {put.error && <ErrorPanel error={put.error} />}
      {mayEdit ? (
        <form onSubmit={add} style={{ display: "flex", gap: 8, alignItems: "end" }}>
          <TextInput
            label="Add a person"
            placeholder="ana@example.com"
            style={{ flex: 1 }}
            value={email}
            onChange={(e) => setEmail(e.currentTarget.value)}
          />
          <Button type="submit" leftSection={<UserPlus size={14} aria-hidden />} loading={put.isPending}>
            Add
          </Button>
        </form>
      ) : (
        <p className={classes.sub}>An administrator can change who belongs to it.</p>
      )}
    </Stack>
  );
}

/** Who belongs to a group; approvals of those who leave it no longer count. */
export function GroupMembersDialog({ group, onClose }: { group: GroupOut; onClose: () => void }) {
  const query = useQuery(groupMembersQuery(group.slug));
  return (
    <Modal opened onClose={onClose} title={`People of ${group.name}`} size="md">
      <QueryGate query={query} skeleton={<Skeleton h={100} />}>
        {(members) => <Members group={group} members={members} />}
      </QueryGate>
    </Modal>
  );
}
