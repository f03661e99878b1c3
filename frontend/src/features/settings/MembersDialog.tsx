import { ActionIcon, Button, Modal, Select, Skeleton, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2, UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { catalog } from "@/api/endpoints";
import { membersQuery } from "@/api/queries";
import type { Member, MemberOut, ProjectOut, ProjectRole } from "@/api/types";
import { may, useMe } from "@/app/session";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import classes from "./Settings.module.css";

const ROLES: { value: ProjectRole; label: string }[] = [
  { value: "owner", label: "Owner" },
  { value: "releaser", label: "Releaser" },
  { value: "developer", label: "Developer" },
  { value: "viewer", label: "Viewer" },
];
const ABOUT =
  "Viewers read, developers file changes, releasers run them, owners also approve and decide who is a member.";

/** What was typed as a principal: an e-mail is a person, a number a service account. */
export const principalOf = (typed: string) => {
  const text = typed.trim();
  if (/^(user|service):/.test(text)) return text;
  return /^\d+$/.test(text) ? `service:${text}` : `user:${text}`;
};

function Members({ project, members }: { project: ProjectOut; members: MemberOut[] }) {
  const me = useMe();
  const client = useQueryClient();
  const mayEdit = may(me, "member.edit", project.slug);
  const [who, setWho] = useState("");
  const [role, setRole] = useState<ProjectRole>("developer");
  const put = useMutation({
    mutationFn: (next: Member[]) => catalog.putMembers(project.slug, next),
    onSuccess: (fresh) => {
      client.setQueryData(membersQuery(project.slug).queryKey, fresh);
      void client.invalidateQueries({ queryKey: ["me"] });
      setWho("");
    },
  });
  const plain = members.map(({ principal, role: r }) => ({ principal, role: r }));
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (who.trim())
      put.mutate([
        ...plain.filter((m) => m.principal !== principalOf(who)),
        { principal: principalOf(who), role },
      ]);
  };
  return (
    <Stack gap="sm">
      <p className={classes.sub} style={{ margin: 0 }}>
        {ABOUT}
      </p>
      <ul className={classes.rows}>
        {members.map((m) => (
          <li key={m.principal} className={classes.row} style={{ paddingInline: 0 }}>
            <div className={classes.grow}>
              <div className={classes.name}>{m.person.name}</div>
              <div className={classes.sub}>{m.person.email ?? "service account"}</div>
            </div>
            <Select
              aria-label={`Role of ${m.person.name}`}
              w={130}
              allowDeselect={false}
              readOnly={!mayEdit}
              data={ROLES}
              value={m.role}
              onChange={(next) =>
                next &&
                put.mutate(
                  plain.map((p) => (p.principal === m.principal ? { ...p, role: next as ProjectRole } : p)),
                )
              }
            />
            {mayEdit && (
              <ActionIcon
                aria-label={`Remove ${m.person.name}`}
                onClick={() => put.mutate(plain.filter((p) => p.principal !== m.principal))}
              >
                <Trash2 size={15} />
              </ActionIcon>
            )}
          </li>
        ))}
        {members.length === 0 && <li className={classes.sub}>Nobody yet.</li>}
      </ul>
      {put.error && <ErrorPanel error={put.error} />}
      {mayEdit ? (
        <form onSubmit={add} style={{ display: "flex", gap: 8, alignItems: "end" }}>
          <TextInput
            label="Add a member"
            placeholder="ana@example.com, or a service account's number"
            style={{ flex: 1 }}
            value={who}
            onChange={(e) => setWho(e.currentTarget.value)}
          />
          <Select
            aria-label="Role of the new member"
            w={120}
            allowDeselect={false}
            data={ROLES}
            value={role}
            onChange={(r) => r && setRole(r as ProjectRole)}
          />
          <Button type="submit" leftSection={<UserPlus size={14} aria-hidden />} loading={put.isPending}>
            Add
          </Button>
        </form>
      ) : (
        <p className={classes.sub}>A project owner or an administrator can change members.</p>
      )}
    </Stack>
  );
}

export function MembersDialog({ project, onClose }: { project: ProjectOut; onClose: () => void }) {
  const query = useQuery(membersQuery(project.slug));
  return (
    <Modal opened onClose={onClose} title={`Members of ${project.name}`} size="lg">
      <QueryGate query={query} skeleton={<Skeleton h={120} />}>
        {(members) => <Members project={project} members={members} />}
      </QueryGate>
    </Modal>
  );
}
