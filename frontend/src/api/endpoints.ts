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
  login: (body: { email: string; password: string }) => call("POST", "/auth/login", { body }),
  logout: () => call("POST", "/auth/logout"),
  me: () => call("GET", "/auth/me"),
  tokens: () =>
    everything((page_token) => call("GET", "/auth/tokens", { query: { page_size: PAGE, page_token } })),
  createToken: (body: T.NewToken) => call("POST", "/auth/tokens", { body, idempotencyKey: newKey() }),
  revokeToken: (token_id: number) => call("DELETE", "/auth/tokens/{token_id}", { path: { token_id } }),
  users: () => everything((page_token) => call("GET", "/users", { query: { page_size: PAGE, page_token } })),
  createUser: (body: T.NewUser) => call("POST", "/users", { body, idempotencyKey: newKey() }),
  patchUser: (user_id: number, body: T.PatchUser) =>
    call("PATCH", "/users/{user_id}", { path: { user_id }, body }),
  serviceAccounts: () =>
    everything((page_token) =>
      call("GET", "/service-accounts", {
        query: { page_size: PAGE, page_token },
      }),
    ),
  createServiceAccount: (body: { name: string }) =>
    call("POST", "/service-accounts", { body, idempotencyKey: newKey() }),
};

export const catalog = {
  projects: () =>
    everything((page_token) => call("GET", "/projects", { query: { page_size: PAGE, page_token } })),
  createProject: (body: T.NewProject) => call("POST", "/projects", { body, idempotencyKey: newKey() }),
  patchProject: (project: string, version: number, body: Partial<T.NewProject>) =>
    call("PATCH", "/projects/{slug}", { path: { slug: project }, body, version }),
  members: (project: string) => call("GET", "/projects/{slug}/members", { path: { slug: project } }),
  putMembers: (project: string, body: T.Member[]) =>
    call("PUT", "/projects/{slug}/members", { path: { slug: project }, body }),
  environments: () =>
    everything((page_token) => call("GET", "/environments", { query: { page_size: PAGE, page_token } })),
  createEnvironment: (body: T.NewEnvironment) =>
    call("POST", "/environments", { body, idempotencyKey: newKey() }),
  patchEnvironment: (environment: string, version: number, body: T.PatchEnvironment) =>
    call("PATCH", "/environments/{slug}", { path: { slug: environment }, body, version }),
  deleteEnvironment: (environment: string, version: number) =>
    call("DELETE", "/environments/{slug}", { path: { slug: environment }, version }),
  tiers: () =>
    everything((page_token) => call("GET", "/approval-tiers", { query: { page_size: PAGE, page_token } })),
  createTier: (body: T.NewTier) => call("POST", "/approval-tiers", { body, idempotencyKey: newKey() }),
  patchTier: (tier: string, version: number, body: Partial<T.NewTier>) =>
    call("PATCH", "/approval-tiers/{slug}", { path: { slug: tier }, body, version }),
  instances: (query: Query = {}) =>
    everything((page_token) =>
      call("GET", "/instances", { query: { ...query, page_size: PAGE, page_token } }),
    ),
  instance: (instance: string) => call("GET", "/instances/{slug}", { path: { slug: instance } }),
  createInstance: (body: T.NewInstance) => call("POST", "/instances", { body, idempotencyKey: newKey() }),
  patchInstance: (instance: string, version: number, body: T.PatchInstance) =>
    call("PATCH", "/instances/{slug}", { path: { slug: instance }, body, version }),
  deleteInstance: (instance: string, version: number) =>
    call("DELETE", "/instances/{slug}", { path: { slug: instance }, version }),
  testInstance: (instance: string) => call("POST", "/instances/{slug}/test", { path: { slug: instance } }),
  testNewInstance: (body: T.NewInstance) => call("POST", "/instances/test", { body }),
  syncInstance: (instance: string) => call("POST", "/instances/{slug}/sync", { path: { slug: instance } }),
  databases: (query: Query, signal?: Signal) =>
    call("GET", "/databases", { query, ...(signal ? { signal } : {}) }),
  database: (database: number) => call("GET", "/databases/{database}", { path: { database } }),
  patchDatabase: (database: number, version: number, body: T.PatchDatabase) =>
    call("PATCH", "/databases/{database}", { path: { database }, body, version }),
  /** The document says `schemas: list[Any]`; their shape is that of the server's schema model. */
  schema: (database: number): Promise<T.SchemaOut> =>
    call("GET", "/databases/{database}/schema", { path: { database } }) as Promise<T.SchemaOut>,
  schedules: () =>
    everything((page_token) => call("GET", "/schedules", { query: { page_size: PAGE, page_token } })),
  createSchedule: (body: { instance: string; cron: string; time_zone: string; enabled: boolean }) =>
    call("POST", "/schedules", {
      body: { ...body, kind: "schema.sync" },
      idempotencyKey: newKey(),
    }),
  patchSchedule: (
    schedule_id: number,
    body: Partial<Pick<T.ScheduleOut, "cron" | "time_zone" | "enabled">>,
  ) => call("PATCH", "/schedules/{schedule_id}", { path: { schedule_id }, body }),
  deleteSchedule: (schedule_id: number) =>
    call("DELETE", "/schedules/{schedule_id}", { path: { schedule_id } }),
};

export const changes = {
  issues: (query: Query, signal?: Signal) => call("GET", "/issues", { query, ...(signal ? { signal } : {}) }),
  issue: (issue: number) => call("GET", "/issues/{issue}", { path: { issue } }),
  createIssue: (body: T.NewIssue, idempotencyKey: string) =>
    call("POST", "/issues", { body, idempotencyKey }),
  patchIssue: (issue: number, body: T.PatchIssue) =>
    call("PATCH", "/issues/{issue}", { path: { issue }, body }),
  cancelIssue: (issue: number) => call("POST", "/issues/{issue}/cancel", { path: { issue } }),
  reopenIssue: (issue: number) => call("POST", "/issues/{issue}/reopen", { path: { issue } }),
  putRelease: (issue: number, body: T.PutRelease) =>
    call("PUT", "/issues/{issue}/release", { path: { issue }, body }),
  decide: (issue: number, body: T.NewApproval) =>
    call("POST", "/issues/{issue}/approvals", { path: { issue }, body }),
  comment: (issue: number, body: string) =>
    call("POST", "/issues/{issue}/comments", {
      path: { issue },
      body: { body },
      idempotencyKey: newKey(),
    }),
  activity: (issue: number) =>
    everything((page_token) =>
      call("GET", "/issues/{issue}/activity", {
        path: { issue },
        query: { page_size: PAGE, page_token },
      }),
    ),
  review: (engine: T.Engine, statement: string) => call("POST", "/reviews", { body: { engine, statement } }),
  release: (release: number) => call("GET", "/releases/{release}", { path: { release } }),
};

export const pipelines = {
  get: (pipeline: number) => call("GET", "/pipelines/{pipeline}", { path: { pipeline } }),
  ofInstance: (instance: string) => call("GET", "/pipelines", { query: { instance, page_size: 20 } }),
  tasks: (pipeline: number, query: Query, signal?: Signal) =>
    call("GET", "/pipelines/{pipeline}/tasks", {
      path: { pipeline },
      query,
      ...(signal ? { signal } : {}),
    }),
  hold: (pipeline: number, reason: string) =>
    call("POST", "/pipelines/{pipeline}/hold", { path: { pipeline }, body: { reason } }),
  resume: (pipeline: number) => call("POST", "/pipelines/{pipeline}/resume", { path: { pipeline } }),
  advance: (pipeline: number, stage: string) =>
    call("POST", "/pipelines/{pipeline}/stages/{stage}/advance", {
      path: { pipeline, stage },
    }),
  retryFailed: (pipeline: number, stage: string) =>
    call("POST", "/pipelines/{pipeline}/stages/{stage}/retry-failed", {
      path: { pipeline, stage },
    }),
  task: (task: number) => call("GET", "/tasks/{task}", { path: { task } }),
  retryTask: (task: number) => call("POST", "/tasks/{task}/retry", { path: { task } }),
  cancelTask: (task: number) => call("POST", "/tasks/{task}/cancel", { path: { task } }),
  skipTask: (task: number, reason: string) =>
    call("POST", "/tasks/{task}/skip", { path: { task }, body: { reason } }),
  log: (run: number, after: number, signal?: Signal) =>
    call("GET", "/runs/{run}/log", {
      path: { run },
      query: { after, limit: 1000 },
      ...(signal ? { signal } : {}),
    }),
};

export const records = {
  audit: (query: Query, signal?: Signal) => call("GET", "/audit", { query, ...(signal ? { signal } : {}) }),
};
