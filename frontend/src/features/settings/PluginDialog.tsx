import { MultiSelect, NumberInput, PasswordInput, Select, TagsInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { plugins } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { projectsQuery } from "@/api/queries";
import { mayInWorkspace, useMe } from "@/app/session";
import { FormDialog } from "./FormDialog";
import { EMPTY, missing, type PluginForm, request, TOLD } from "./pluginForm";
import { RepositoryFields } from "./RepositoryFields";
import { ShownOnceDialog } from "./ShownOnceDialog";

/** Adds somebody who is told of events; the secret of a webhook is shown once. */
export function PluginDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const me = useMe();
  const everywhere = mayInWorkspace(me, "plugin.edit");
  const projects = useQuery(projectsQuery);
  const [form, setForm] = useState<PluginForm>(EMPTY);
  const [asked, setAsked] = useState(false);
  const set = (change: Partial<PluginForm>) => setForm((before) => ({ ...before, ...change }));
  const create = useMutation({
    mutationFn: () => plugins.create(request(form)),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: ["plugins"] });
      if (!made.secret) onClose();
    },
  });
  if (create.data?.secret) {
    return (
      <ShownOnceDialog
        title="Copy the signing secret now"
        about="It is shown once. With it, the receiver knows that a message is ours."
        value={create.data.secret}
        copied="Secret copied."
        onClose={onClose}
      />
    );
  }
  const lacks = missing(form);
  const problem = (field: keyof PluginForm) =>
    (asked ? lacks[field] : undefined) ??
    fieldProblem(create.error, field, `commit_status.${field === "api" ? "url" : field}`);
  const repository = form.kind === "commit-status";
  const mine = (projects.data ?? []).map((p) => ({ value: p.slug, label: p.name }));
  return (
    <FormDialog
      title="Add plugin"
      confirm="Add"
      pending={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (Object.keys(lacks).length === 0) create.mutate();
      }}
    >
      <Select
        label="Kind"
        allowDeselect={false}
        value={form.kind}
        onChange={(kind) => kind && set({ kind: kind as PluginForm["kind"] })}
        data={[
          { value: "webhook", label: "Webhook: a program" },
          { value: "chat", label: "Chat: a room" },
          { value: "commit-status", label: "Commit status: a repository" },
          ...(everywhere ? [{ value: "email", label: "Mail: people" }] : []),
        ]}
      />
      <TextInput
        label="Name"
        placeholder="Deploy board"
        data-autofocus
        value={form.name}
        error={problem("name")}
        onChange={(e) => set({ name: e.currentTarget.value })}
      />
      <Select
        label="Project"
        description={everywhere && !repository ? "Empty: it hears of every project." : undefined}
        data={mine}
        value={form.project || null}
        clearable={everywhere && !repository}
        error={problem("project")}
        onChange={(project) => set({ project: project ?? "" })}
      />
      {!repository && (
        <MultiSelect
          label="Hears when"
          description="Empty: of everything."
          data={TOLD}
          value={form.types}
          onChange={(types) => set({ types })}
        />
      )}
      {repository && <RepositoryFields form={form} set={set} problem={problem} />}
      {form.kind === "email" && (
        <>
          <TextInput
            label="Mail server"
            placeholder="mail.example.com"
            value={form.host}
            error={problem("host")}
            onChange={(e) => set({ host: e.currentTarget.value })}
          />
          <NumberInput
            label="Port"
            min={1}
            max={65535}
            allowDecimal={false}
            value={form.port}
            onChange={(port) => set({ port: Number(port) || 587 })}
          />
          <Select
            label="Encryption"
            allowDeselect={false}
            data={[
              { value: "starttls", label: "STARTTLS" },
              { value: "tls", label: "TLS from the start" },
              { value: "none", label: "None" },
            ]}
            value={form.tls}
            onChange={(tls) => tls && set({ tls: tls as PluginForm["tls"] })}
          />
          <TextInput
            label="User name"
            autoComplete="off"
            value={form.username}
            onChange={(e) => set({ username: e.currentTarget.value })}
          />
          <PasswordInput
            label="Password"
            description="Stored encrypted, never shown again."
            autoComplete="new-password"
            value={form.password}
            onChange={(e) => set({ password: e.currentTarget.value })}
          />
          <TextInput
            label="From"
            placeholder="penstock@example.com"
            value={form.sender}
            error={problem("sender")}
            onChange={(e) => set({ sender: e.currentTarget.value })}
          />
          <TagsInput
            label="To"
            description="Press Enter after each address."
            value={form.recipients}
            error={problem("recipients")}
            onChange={(recipients) => set({ recipients })}
          />
        </>
      )}
      {(form.kind === "webhook" || form.kind === "chat") && (
        <TextInput
          label="Address"
          description={
            form.kind === "chat"
              ? "An incoming webhook as Slack has them. It is a secret: it is shown without its path."
              : "Messages are signed as Standard Webhooks says."
          }
          placeholder="https://"
          value={form.url}
          error={problem("url")}
          onChange={(e) => set({ url: e.currentTarget.value })}
        />
      )}
    </FormDialog>
  );
}
