import { Button, PasswordInput, Select, Switch, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil, UserPlus } from "lucide-react";
import { useState } from "react";
import { auth } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { usersQuery } from "@/api/queries";
import type { UserOut, WorkspaceRole } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { FormDialog } from "./FormDialog";
import classes from "./Settings.module.css";

const ROLES: { value: WorkspaceRole; label: string }[] = [
  { value: "member", label: "Member" },
  { value: "dba", label: "DBA" },
  { value: "admin", label: "Administrator" },
];
const LEAST = 12;

function UserDialog({ user, onClose }: { user: UserOut | null; onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState({
    email: user?.email ?? "",
    name: user?.name ?? "",
    password: "",
    role: user?.workspace_role ?? ("member" as WorkspaceRole),
    disabled: user?.disabled ?? false,
  });
  const [asked, setAsked] = useState(false);
  const short = form.password.length < LEAST && (!user || form.password.length > 0);
  const save = useMutation({
    mutationFn: () =>
      user
        ? auth.patchUser(user.id, {
            name: form.name.trim(),
            workspace_role: form.role,
            disabled: form.disabled,
            ...(form.password ? { password: form.password } : {}),
          })
        : auth.createUser({
            email: form.email.trim(),
            name: form.name.trim(),
            password: form.password,
            workspace_role: form.role,
          }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["users"] });
      onClose();
    },
  });
  return (
    <FormDialog
      title={user ? `Edit ${user.name}` : "Add user"}
      confirm="Save"
      pending={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (!short && form.name.trim() && form.email.includes("@")) save.mutate();
      }}
    >
      <TextInput
        label="E-mail"
        type="email"
        readOnly={user !== null}
        value={form.email}
        error={
          asked && !form.email.includes("@")
            ? "An e-mail address, please."
            : fieldProblem(save.error, "email")
        }
        onChange={(e) => setForm({ ...form, email: e.currentTarget.value })}
      />
      <TextInput
        label="Name"
        value={form.name}
        error={asked && !form.name.trim() ? "What are they called?" : fieldProblem(save.error, "name")}
        onChange={(e) => setForm({ ...form, name: e.currentTarget.value })}
      />
      <PasswordInput
        label={user ? "New password" : "Password"}
        description={`At least ${LEAST} characters${user ? "; empty keeps the present one" : ""}`}
        autoComplete="new-password"
        value={form.password}
        error={asked && short ? `At least ${LEAST} characters.` : fieldProblem(save.error, "password")}
        onChange={(e) => setForm({ ...form, password: e.currentTarget.value })}
        visibilityToggleButtonProps={{ "aria-label": "Show password" }}
      />
      <Select
        label="Workspace role"
        allowDeselect={false}
        data={ROLES}
        value={form.role}
        onChange={(role) => role && setForm({ ...form, role: role as WorkspaceRole })}
      />
      {user && (
        <Switch
          size="sm"
          label="Disabled: cannot sign in, and approvals given do not count"
          checked={form.disabled}
          onChange={(e) => setForm({ ...form, disabled: e.currentTarget.checked })}
        />
      )}
    </FormDialog>
  );
}

export function UsersPage() {
  const me = useMe();
  const query = useQuery(usersQuery);
  const [editing, setEditing] = useState<UserOut | "new" | null>(null);
  const mayEdit = mayInWorkspace(me, "user.edit");
  return (
    <Page
      title="Users"
      lead="People who can sign in."
      actions={
        mayEdit && (
          <Button leftSection={<UserPlus size={14} aria-hidden />} onClick={() => setEditing("new")}>
            Add user
          </Button>
        )
      }
    >
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={4} />}>
          {(users) => (
            <ul className={classes.rows}>
              {users.map((u) => (
                <li key={u.id} className={classes.row}>
                  <div className={classes.grow}>
                    <div className={classes.name}>
                      {u.name}
                      {u.id === me.id && " (you)"}
                    </div>
                    <div className={classes.sub}>{u.email}</div>
                  </div>
                  <span className={classes.sub}>
                    {ROLES.find((r) => r.value === u.workspace_role)?.label}
                  </span>
                  {u.disabled && <StatusBadge status="canceled" label="Disabled" size="sm" />}
                  {mayEdit && (
                    <Button
                      variant="default"
                      leftSection={<Pencil size={13} aria-hidden />}
                      onClick={() => setEditing(u)}
                      aria-label={`Edit ${u.name}`}
                    >
                      Edit
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          )}
        </QueryGate>
      </div>
      {!mayEdit && <p className={classes.sub}>An administrator can add and change users.</p>}
      {editing && <UserDialog user={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
    </Page>
  );
}
