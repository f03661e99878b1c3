import type { NewPlugin } from "@/api/types";

export type PluginForm = {
  kind: NewPlugin["kind"];
  name: string;
  project: string;
  types: string[];
  url: string;
  host: string;
  port: number;
  tls: "none" | "starttls" | "tls";
  username: string;
  password: string;
  sender: string;
  recipients: string[];
  system: "github" | "gitlab";
  repository: string;
  token: string;
  api: string;
};

export const EMPTY: PluginForm = {
  kind: "webhook",
  name: "",
  project: "",
  types: [],
  url: "",
  host: "",
  port: 587,
  tls: "starttls",
  username: "",
  password: "",
  sender: "",
  recipients: [],
  system: "github",
  repository: "",
  token: "",
  api: "",
};

/** What people ask to hear of; the API knows more. */
export const TOLD = [
  { value: "APPROVAL_REQUESTED", label: "an approval is asked for" },
  { value: "APPROVED", label: "a stage is approved" },
  { value: "REJECTED", label: "changes are asked for" },
  { value: "ISSUE_CREATED", label: "an issue is filed" },
  { value: "COMMENTED", label: "somebody comments" },
  { value: "CHECK_REPORTED", label: "a check is reported" },
  { value: "TASK_FAIL", label: "a task fails" },
  { value: "PIPELINE_SUCCESS", label: "everything is applied" },
  { value: "PIPELINE_FAIL", label: "a pipeline does not pass" },
];

/** What is missing, by field. */
export function missing(form: PluginForm): Partial<Record<keyof PluginForm, string>> {
  const found: Partial<Record<keyof PluginForm, string>> = {};
  if (!form.name.trim()) found.name = "Name who is told.";
  if (form.kind === "email") {
    if (!form.host.trim()) found.host = "Which server sends the mail?";
    if (!form.sender.includes("@")) found.sender = "An address that the mail comes from.";
    if (form.recipients.length === 0) found.recipients = "At least one address.";
  } else if (form.kind === "commit-status") {
    if (!form.project) found.project = "Whose checks are they?";
    if (!form.repository.includes("/") && !/^\d+$/.test(form.repository)) found.repository = "owner/name.";
    if (!form.token.trim()) found.token = "A token that may write commit statuses.";
  } else if (!/^https?:\/\/./.test(form.url)) {
    found.url = "An address that begins with https://.";
  }
  return found;
}

/** The request that makes it. */
export function request(form: PluginForm): NewPlugin {
  const base = {
    kind: form.kind,
    name: form.name.trim(),
    project: form.project || null,
    types: form.types,
  };
  if (form.kind === "commit-status") {
    const { system, repository, token, api } = form;
    const about = { system, repository: repository.trim(), token: token.trim(), url: api.trim() || null };
    return { ...base, types: [], commit_status: about };
  }
  if (form.kind !== "email") return { ...base, url: form.url.trim() };
  return {
    ...base,
    smtp: {
      host: form.host.trim(),
      port: form.port,
      tls: form.tls,
      username: form.username || null,
      password: form.password || null,
      sender: form.sender.trim(),
      recipients: form.recipients,
    },
  };
}
