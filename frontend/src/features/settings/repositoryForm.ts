import type { MemberOut, NewRepository } from "@/api/types";

export type RepositoryForm = {
  slug: string;
  project: string;
  system: "github" | "gitlab";
  repository: string;
  url: string;
  branch: string;
  directory: string;
  environment: string;
  previewInstance: string;
  actsAs: string;
  token: string;
  signingToken: string;
};

export const EMPTY: RepositoryForm = {
  slug: "",
  project: "",
  system: "github",
  repository: "",
  url: "",
  branch: "main",
  directory: "migrations",
  environment: "",
  previewInstance: "",
  actsAs: "",
  token: "",
  signingToken: "",
};

/** Why this is no signing token, as GitLab makes them; whether it is a right one, the server says. */
export const notSigning = (token: string): string | undefined =>
  /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(token.trim()) ? undefined : "GitLab's begin with whsec_.";

/** What GitLab signs with; GitHub signs with a secret of ours. */
const signingToken = (form: RepositoryForm) => (form.system === "gitlab" ? form.signingToken.trim() : "");

/** What is missing, by field. */
export function missing(form: RepositoryForm): Partial<Record<keyof RepositoryForm, string>> {
  const found: Partial<Record<keyof RepositoryForm, string>> = {};
  if (!/^[a-z0-9][a-z0-9-]*$/.test(form.slug)) found.slug = "Small letters, digits and dashes.";
  if (!form.project) found.project = "Whose migrations are they?";
  if (!form.repository.includes("/") && !/^\d+$/.test(form.repository)) found.repository = "owner/name.";
  if (!form.branch.trim()) found.branch = "Into which branch is merged?";
  if (!form.actsAs) found.actsAs = "Who files the issues?";
  if (!form.token.trim()) found.token = "A token that may read files and write comments and statuses.";
  const wrong = signingToken(form) && notSigning(form.signingToken);
  if (wrong) found.signingToken = wrong;
  return found;
}

/** The project's service accounts that may file its issues, as its members are known to every one of them. */
export const filers = (members: MemberOut[]) =>
  members
    .filter((m) => m.person.kind === "service_account" && m.role !== "viewer")
    .map((m) => ({ value: String(m.person.id), label: m.person.name }));

/** The request that adds it. */
export function request(form: RepositoryForm): NewRepository {
  return {
    slug: form.slug,
    project: form.project,
    system: form.system,
    repository: form.repository.trim(),
    branch: form.branch.trim(),
    directory: form.directory.trim().replace(/^\/+|\/+$/g, ""),
    acts_as: Number(form.actsAs),
    token: form.token.trim(),
    ...(form.url.trim() ? { url: form.url.trim() } : {}),
    ...(form.environment ? { environment: form.environment } : {}),
    ...(form.previewInstance ? { preview_instance: form.previewInstance } : {}),
    ...(signingToken(form) ? { signing_token: signingToken(form) } : {}),
  };
}

/** What to do with the secret of a repository's webhook, which is shown once. */
export const secretText = (system: RepositoryForm["system"], address: string) =>
  system === "gitlab"
    ? `It is shown once. Give it to the webhook for merge requests at ${address}, as its secret token.`
    : `It is shown once. Give it to the webhook for pull requests at ${address}, sent as application/json.`;
