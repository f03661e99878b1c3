import { PasswordInput, Select, TextInput } from "@mantine/core";
import type { PluginForm } from "./pluginForm";

type Props = {
  form: PluginForm;
  set: (change: Partial<PluginForm>) => void;
  problem: (field: keyof PluginForm) => string | undefined;
};

/** The repository whose commits get the checks of a project. */
export function RepositoryFields({ form, set, problem }: Props) {
  return (
    <>
      <Select
        label="System"
        allowDeselect={false}
        data={[
          { value: "github", label: "GitHub" },
          { value: "gitlab", label: "GitLab" },
        ]}
        value={form.system}
        onChange={(system) => system && set({ system: system as PluginForm["system"] })}
      />
      <TextInput
        label="Repository"
        placeholder={form.system === "github" ? "owner/name" : "group/project"}
        value={form.repository}
        error={problem("repository")}
        onChange={(e) => set({ repository: e.currentTarget.value })}
      />
      <PasswordInput
        label="Token"
        description="It may write commit statuses. Stored encrypted, never shown again."
        autoComplete="new-password"
        value={form.token}
        error={problem("token")}
        onChange={(e) => set({ token: e.currentTarget.value })}
      />
      <TextInput
        label="Address of its API"
        description="Only for an installation of your own."
        placeholder={form.system === "github" ? "https://api.github.com" : "https://gitlab.com/api/v4"}
        value={form.api}
        error={problem("api")}
        onChange={(e) => set({ api: e.currentTarget.value })}
      />
    </>
  );
}
