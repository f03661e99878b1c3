/** Every endpoint that the pages use, once. Paths are checked against the server's OpenAPI document by a test. */
import { call, newKey, type Query } from "./client";
import type * as T from "./types";

const PAGE = 200;
type Signal = AbortSignal | undefined;

/** Reads a list to its end: for choices that must be complete, never for tables that grow without bound. */
export async function everything<I>(
  load: (token: string | null) => Promise<T.Page<I>>,
  limit = 10_000,
): Promise<I[]> {
  const items: I[] = [];
  let token: string | null = null;
  do {
    const page: T.Page<I> = await load(token);
    items.push(...page.items);
    token = page.next_page_token;
  } while (token && items.length < limit);
  return items;
}

export const auth = {
  login: (body: { email: string; password: string }) => call<T.Me>("POST", "/auth/login", { body }),
  logout: () => call<void>("POST", "/auth/logout"),
  me: () => call<T.Me>("GET", "/auth/me"),
  tokens: () =>
    everything((page_token) =>
      call<T.Page<T.TokenOut>>("GET", "/auth/tokens", { query: { page_size: PAGE, page_token } }),
    ),
  createToken: (body: T.NewToken) =>
    call<T.CreatedToken>("POST", "/auth/tokens", { body, idempotencyKey: newKey() }),
  revokeToken: (token_id: number) => call<void>("DELETE", "/auth/tokens/{token_id}", { path: { token_id } }),
  users: () =>
    everything((page_token) =>
      call<T.Page<T.UserOut>>("GET", "/users", { query: { page_size: PAGE, page_token } }),
    ),
  createUser: (body: T.NewUser) => call<T.UserOut>("POST", "/users", { body, idempotencyKey: newKey() }),
  patchUser: (user_id: number, body: T.PatchUser) =>
    call<T.UserOut>("PATCH", "/users/{user_id}", { path: { user_id }, body }),
  serviceAccounts: () =>
    everything((page_token) =>
      call<T.Page<T.ServiceAccountOut>>("GET", "/service-accounts", {
        query: { page_size: PAGE, page_token },
      }),
    ),
  createServiceAccount: (body: { name: string }) =>
    call<T.ServiceAccountOut>("POST", "/service-accounts", { body, idempotencyKey: newKey() }),
};

export const catalog = {
  projects: () =>
    everything((page_token) =>
      call<T.Page<T.ProjectOut>>("GET", "/projects", { query: { page_size: PAGE, page_token } }),
    ),
  createProject: (body: T.NewProject) =>
    call<T.ProjectOut>("POST", "/projects", { body, idempotencyKey: newKey() }),
  patchProject: (project: string, version: number, body: Partial<T.NewProject>) =>
    call<T.ProjectOut>("PATCH", "/projects/{project}", { path: { project }, body, version }),
  members: (project: string) =>
    call<T.MemberOut[]>("GET", "/projects/{project}/members", { path: { project } }),
  putMembers: (project: string, body: T.Member[]) =>
    call<T.MemberOut[]>("PUT", "/projects/{project}/members", { path: { project }, body }),
  environments: () =>
    everything((page_token) =>
      call<T.Page<T.EnvironmentOut>>("GET", "/environments", { query: { page_size: PAGE, page_token } }),
    ),
  createEnvironment: (body: T.NewEnvironment) =>
    call<T.EnvironmentOut>("POST", "/environments", { body, idempotencyKey: newKey() }),
  patchEnvironment: (environment: string, version: number, body: T.PatchEnvironment) =>
    call<T.EnvironmentOut>("PATCH", "/environments/{environment}", { path: { environment }, body, version }),
  deleteEnvironment: (environment: string, version: number) =>
    call<void>("DELETE", "/environments/{environment}", { path: { environment }, version }),
  tiers: () =>
    everything((page_token) =>
      call<T.Page<T.TierOut>>("GET", "/approval-tiers", { query: { page_size: PAGE, page_token } }),
    ),
  createTier: (body: T.NewTier) =>
    call<T.TierOut>("POST", "/approval-tiers", { body, idempotencyKey: newKey() }),
  patchTier: (tier: string, version: number, body: Partial<T.NewTier>) =>
    call<T.TierOut>("PATCH", "/approval-tiers/{tier}", { path: { tier }, body, version }),
  instances: (query: Query = {}) =>
    everything((page_token) =>
      call<T.Page<T.InstanceOut>>("GET", "/instances", { query: { ...query, page_size: PAGE, page_token } }),
    ),
  instance: (instance: string) => call<T.InstanceOut>("GET", "/instances/{instance}", { path: { instance } }),
  createInstance: (body: T.NewInstance) =>
    call<T.InstanceOut>("POST", "/instances", { body, idempotencyKey: newKey() }),
  patchInstance: (instance: string, version: number, body: T.PatchInstance) =>
    call<T.InstanceOut>("PATCH", "/instances/{instance}", { path: { instance }, body, version }),
  deleteInstance: (instance: string, version: number) =>
    call<void>("DELETE", "/instances/{instance}", { path: { instance }, version }),
  testInstance: (instance: string) =>
    call<T.InstanceTest>("POST", "/instances/{instance}/test", { path: { instance } }),
  testNewInstance: (body: T.NewInstance) => call<T.InstanceTest>("POST", "/instances/test", { body }),
  syncInstance: (instance: string) =>
    call<T.SyncStarted>("POST", "/instances/{instance}/sync", { path: { instance } }),
  databases: (query: Query, signal?: Signal) =>
    call<T.Page<T.DatabaseOut>>("GET", "/databases", { query, ...(signal ? { signal } : {}) }),
  database: (database: number) => call<T.DatabaseOut>("GET", "/databases/{database}", { path: { database } }),
  patchDatabase: (database: number, version: number, body: T.PatchDatabase) =>
    call<T.DatabaseOut>("PATCH", "/databases/{database}", { path: { database }, body, version }),
  schema: (database: number) =>
    call<T.SchemaOut>("GET", "/databases/{database}/schema", { path: { database } }),
  schedules: () =>
    everything((page_token) =>
      call<T.Page<T.ScheduleOut>>("GET", "/schedules", { query: { page_size: PAGE, page_token } }),
    ),
  createSchedule: (body: { instance: string; cron: string; time_zone: string; enabled: boolean }) =>
    call<T.ScheduleOut>("POST", "/schedules", {
      body: { ...body, kind: "schema.sync" },
      idempotencyKey: newKey(),
    }),
  patchSchedule: (
    schedule_id: number,
    body: Partial<Pick<T.ScheduleOut, "cron" | "time_zone" | "enabled">>,
  ) => call<T.ScheduleOut>("PATCH", "/schedules/{schedule_id}", { path: { schedule_id }, body }),
  deleteSchedule: (schedule_id: number) =>
    call<void>("DELETE", "/schedules/{schedule_id}", { path: { schedule_id } }),
};

export const changes = {
  issues: (query: Query, signal?: Signal) =>
    call<T.Page<T.IssueSummary>>("GET", "/issues", { query, ...(signal ? { signal } : {}) }),
  issue: (issue_id: number) => call<T.IssueOut>("GET", "/issues/{issue_id}", { path: { issue_id } }),
  createIssue: (body: T.NewIssue, idempotencyKey: string) =>
    call<T.IssueOut>("POST", "/issues", { body, idempotencyKey }),
  patchIssue: (issue_id: number, body: T.PatchIssue) =>
    call<T.IssueOut>("PATCH", "/issues/{issue_id}", { path: { issue_id }, body }),
  cancelIssue: (issue_id: number) =>
    call<T.IssueOut>("POST", "/issues/{issue_id}/cancel", { path: { issue_id } }),
  reopenIssue: (issue_id: number) =>
    call<T.IssueOut>("POST", "/issues/{issue_id}/reopen", { path: { issue_id } }),
  putRelease: (issue_id: number, body: T.PutRelease) =>
    call<T.IssueOut>("PUT", "/issues/{issue_id}/release", { path: { issue_id }, body }),
  decide: (issue_id: number, body: T.NewApproval) =>
    call<T.IssueOut>("POST", "/issues/{issue_id}/approvals", { path: { issue_id }, body }),
  comment: (issue_id: number, body: string) =>
    call<T.ActivityOut>("POST", "/issues/{issue_id}/comments", {
      path: { issue_id },
      body: { body },
      idempotencyKey: newKey(),
    }),
  activity: (issue_id: number) =>
    everything((page_token) =>
      call<T.Page<T.ActivityOut>>("GET", "/issues/{issue_id}/activity", {
        path: { issue_id },
        query: { page_size: PAGE, page_token },
      }),
    ),
  release: (release_id: number) =>
    call<T.ReleaseOut>("GET", "/releases/{release_id}", { path: { release_id } }),
};

export const pipelines = {
  get: (pipeline_id: number) =>
    call<T.PipelineOut>("GET", "/pipelines/{pipeline_id}", { path: { pipeline_id } }),
  ofInstance: (instance: string) =>
    call<T.Page<T.PipelineSummary>>("GET", "/pipelines", { query: { instance, page_size: 20 } }),
  tasks: (pipeline_id: number, query: Query, signal?: Signal) =>
    call<T.Page<T.TaskSummary>>("GET", "/pipelines/{pipeline_id}/tasks", {
      path: { pipeline_id },
      query,
      ...(signal ? { signal } : {}),
    }),
  hold: (pipeline_id: number, reason: string) =>
    call<T.PipelineOut>("POST", "/pipelines/{pipeline_id}/hold", { path: { pipeline_id }, body: { reason } }),
  resume: (pipeline_id: number) =>
    call<T.PipelineOut>("POST", "/pipelines/{pipeline_id}/resume", { path: { pipeline_id } }),
  advance: (pipeline_id: number, stage: string) =>
    call<T.PipelineOut>("POST", "/pipelines/{pipeline_id}/stages/{stage}/advance", {
      path: { pipeline_id, stage },
    }),
  retryFailed: (pipeline_id: number, stage: string) =>
    call<T.PipelineOut>("POST", "/pipelines/{pipeline_id}/stages/{stage}/retry-failed", {
      path: { pipeline_id, stage },
    }),
  task: (task_id: number) => call<T.TaskOut>("GET", "/tasks/{task_id}", { path: { task_id } }),
  retryTask: (task_id: number) => call<T.TaskOut>("POST", "/tasks/{task_id}/retry", { path: { task_id } }),
  cancelTask: (task_id: number) => call<T.TaskOut>("POST", "/tasks/{task_id}/cancel", { path: { task_id } }),
  skipTask: (task_id: number, reason: string) =>
    call<T.TaskOut>("POST", "/tasks/{task_id}/skip", { path: { task_id }, body: { reason } }),
  log: (run_id: number, after: number, signal?: Signal) =>
    call<T.LogPage>("GET", "/runs/{run_id}/log", {
      path: { run_id },
      query: { after, limit: 1000 },
      ...(signal ? { signal } : {}),
    }),
};

export const records = {
  audit: (query: Query, signal?: Signal) =>
    call<T.Page<T.AuditOut>>("GET", "/audit", { query, ...(signal ? { signal } : {}) }),
};
