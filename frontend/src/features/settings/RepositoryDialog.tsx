import { PasswordInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { repositories } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { environmentsQuery, instancesQuery, membersQuery, projectsQuery } from "@/api/queries";
import { may, mayInWorkspace, useMe } from "@/app/session";
import { say } from "@/shared/ui/say";
import { FormDialog } from "./FormDialog";
import { hookAddress } from "./hookAddress";
import { EMPTY, filers, missing, type RepositoryForm, request } from "./repositoryForm";
import { SecretDialog } from "./SecretDialog";
import { SigningTokenInput } from "./SigningTokenInput";

const FIELDS: Partial<Record<keyof RepositoryForm, string>> = {
  actsAs: "acts_as",
  previewInstance: "preview_instance",
  signingToken: "signing_token",
};

/** Adds a repository; the secret of its webhook is shown once, unless its host signs with a token that was given. */
export function RepositoryDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const me = useMe();
  const projects = useQuery(projectsQuery);
  const environments = useQuery(environmentsQuery);
  const keeper = mayInWorkspace(me, "instance.edit");
  const instances = useQuery({ ...instancesQuery(), enabled: keeper });
  const [form, setForm] = useState<RepositoryForm>(EMPTY);
  const members = useQuery({ ...membersQuery(form.project), enabled: form.project !== "" });
  const machines = filers(members.data ?? []);
  const [asked, setAsked] = useState(false);
  const set = (change: Partial<RepositoryForm>) => setForm((before) => ({ ...before, ...change }));
  const create = useMutation({
    mutationFn: () => repositories.create(request(form)),
    onSuccess: async (added) => {
      await client.invalidateQueries({ queryKey: ["repositories"] });
      if (added.webhook_secret) return; // shown first
      say(`${added.repository} is added. Its signed webhooks go to ${hookAddress(added.webhook_path)}.`);
      onClose();
    },
  });
  if (create.data?.webhook_secret) return <SecretDialog of={create.data} onClose={onClose} />;
  const lacks = missing(form);
  const problem = (field: keyof RepositoryForm) =>
    (asked ? lacks[field] : undefined) ?? fieldProblem(create.error, FIELDS[field] ?? field);
  const text = (field: keyof RepositoryForm) => ({
    value: form[field],
    error: problem(field),
    onChange: (e: React.ChangeEvent<HTMLInputElement>) => set({ [field]: e.currentTarget.value }),
  });
  return (
    <FormDialog
      title="Add repository"
      confirm="Add"
      pending={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (Object.keys(lacks).length === 0) create.mutate();
      }}
    >
      <TextInput label="Slug" placeholder="shop" data-autofocus {...text("slug")} />
      <Select
        label="Project"
        data={(projects.data ?? [])
          .filter((p) => may(me, "repository.edit", p.slug))
          .map((p) => ({ value: p.slug, label: p.name }))}
        value={form.project || null}
        error={problem("project")}
        onChange={(project) => set({ project: project ?? "", actsAs: "" })}
      />
      <Select
        label="System"
        allowDeselect={false}
        data={[
          { value: "github", label: "GitHub" },
          { value: "gitlab", label: "GitLab" },
        ]}
        value={form.system}
        onChange={(system) => system && set({ system: system as RepositoryForm["system"] })}
      />
      <TextInput
        label="Repository"
        placeholder={form.system === "github" ? "owner/name" : "group/project"}
        {...text("repository")}
      />
      <TextInput
        label="Address of its API"
        description="Empty: the one for everybody."
        placeholder={
          form.system === "github" ? "https://github.example.com/api/v3" : "https://gitlab.example.com/api/v4"
        }
        {...text("url")}
      />
      <TextInput label="Branch" {...text("branch")} />
      <TextInput label="Directory" description="Of the migrations." {...text("directory")} />
      <Select
        label="A merge goes to"
        description="Empty: nothing is filed by itself."
        clearable
        data={(environments.data ?? []).map((e) => ({ value: e.slug, label: e.name }))}
        value={form.environment || null}
        error={problem("environment")}
        onChange={(environment) => set({ environment: environment ?? "" })}
      />
      {keeper && (
        <Select
          label="Previews run on"
          description="Whatever a branch says runs there, in a database of its own. Empty: nowhere."
          clearable
          data={(instances.data ?? []).map((i) => ({ value: i.slug, label: i.slug }))}
          value={form.previewInstance || null}
          error={problem("previewInstance")}
          onChange={(previewInstance) => set({ previewInstance: previewInstance ?? "" })}
        />
      )}
      <Select
        label="Issues are filed by"
        description="A service account that is a developer of the project."
        placeholder={
          members.data && machines.length === 0
            ? "None yet: add one to the project's members first"
            : undefined
        }
        data={machines}
        value={form.actsAs || null}
        error={problem("actsAs")}
        onChange={(actsAs) => set({ actsAs: actsAs ?? "" })}
      />
      <PasswordInput
        label="Token"
        description="Reads files, writes comments and statuses. Stored encrypted, never shown again."
        autoComplete="new-password"
        {...text("token")}
      />
      {form.system === "gitlab" && (
        <SigningTokenInput
          address={hookAddress(`/api/v1/webhooks/git/${form.slug || "…"}`)}
          after="Empty: we make a secret token instead."
          {...text("signingToken")}
        />
      )}
    </FormDialog>
  );
}
