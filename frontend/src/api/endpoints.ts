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
  deviceLogin: (user_code: string) => call("GET", "/auth/device/{user_code}", { path: { user_code } }),
  decideDeviceLogin: (user_code: string, decision: T.DeviceDecision["decision"]) =>
    call("POST", "/auth/device/{user_code}", { path: { user_code }, body: { decision } }),
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
  openings: (windows: T.TierWindow[], signal?: Signal) =>
    call("POST", "/approval-tiers/openings", { body: { windows }, ...(signal ? { signal } : {}) }),
  groups: () =>
    everything((page_token) => call("GET", "/groups", { query: { page_size: PAGE, page_token } })),
  createGroup: (body: { slug: string; name: string }) =>
    call("POST", "/groups", { body, idempotencyKey: newKey() }),
  deleteGroup: (slug: string, version: number) =>
    call("DELETE", "/groups/{slug}", { path: { slug }, version }),
  groupMembers: (slug: string) => call("GET", "/groups/{slug}/members", { path: { slug } }),
  putGroupMembers: (slug: string, body: string[]) =>
    call("PUT", "/groups/{slug}/members", { path: { slug }, body }),
  databaseGroups: (slug: string) =>
    everything((page_token) =>
      call("GET", "/projects/{slug}/database-groups", {
        path: { slug },
        query: { page_size: PAGE, page_token },
      }),
    ),
  createDatabaseGroup: (slug: string, body: { slug: string; selector: string }) =>
    call("POST", "/projects/{slug}/database-groups", { path: { slug }, body, idempotencyKey: newKey() }),
  patchDatabaseGroup: (slug: string, group: string, version: number, selector: string) =>
    call("PATCH", "/projects/{slug}/database-groups/{group}", {
      path: { slug, group },
      body: { selector },
      version,
    }),
  deleteDatabaseGroup: (slug: string, group: string, version: number) =>
    call("DELETE", "/projects/{slug}/database-groups/{group}", { path: { slug, group }, version }),
  /** The databases that a selector chooses now, whether or not a group of it exists. */
  selectedDatabases: (slug: string, selector: string, query: Query, signal?: Signal) =>
    call("GET", "/projects/{slug}/selected-databases", {
      path: { slug },
      query: { selector, ...query },
      ...(signal ? { signal } : {}),
    }),
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
  drifts: (query: Query, signal?: Signal) => call("GET", "/drifts", { query, ...(signal ? { signal } : {}) }),
  drift: (drift: number) => call("GET", "/drifts/{drift}", { path: { drift } }),
  acceptDrift: (drift: number, body: T.AcceptDrift) =>
    call("POST", "/drifts/{drift}/accept", { path: { drift }, body }),
  ignoreDrift: (drift: number, body: T.IgnoreDrift) =>
    call("POST", "/drifts/{drift}/ignore", { path: { drift }, body }),
  schedules: () =>
    everything((page_token) => call("GET", "/schedules", { query: { page_size: PAGE, page_token } })),
  schedule: (schedule_id: number) => call("GET", "/schedules/{schedule_id}", { path: { schedule_id } }),
  slots: (schedule_id: number, query: Query, signal?: Signal) =>
    call("GET", "/schedules/{schedule_id}/slots", {
      path: { schedule_id },
      query,
      ...(signal ? { signal } : {}),
    }),
  createSchedule: (body: Omit<T.NewSchedule, "kind">) =>
    call("POST", "/schedules", {
      body: { ...body, kind: "schema.sync" },
      idempotencyKey: newKey(),
    }),
  patchSchedule: (schedule_id: number, body: T.PatchSchedule) =>
    call("PATCH", "/schedules/{schedule_id}", { path: { schedule_id }, body }),
  deleteSchedule: (schedule_id: number) =>
    call("DELETE", "/schedules/{schedule_id}", { path: { schedule_id } }),
};

/** A freeze is of an environment, of a project, or of everything. */
export type FreezePlace = { environment: string } | { project: string } | "workspace";

export const freezes = {
  list: () => call("GET", "/freezes"),
  put: (place: FreezePlace, reason: string, until: string | null) => {
    if (place === "workspace") return call("PUT", "/workspace/stop", { body: { reason } });
    const body = { reason, until };
    return "environment" in place
      ? call("PUT", "/environments/{slug}/freeze", { path: { slug: place.environment }, body })
      : call("PUT", "/projects/{slug}/freeze", { path: { slug: place.project }, body });
  },
  lift: (place: FreezePlace) => {
    if (place === "workspace") return call("DELETE", "/workspace/stop");
    return "environment" in place
      ? call("DELETE", "/environments/{slug}/freeze", { path: { slug: place.environment } })
      : call("DELETE", "/projects/{slug}/freeze", { path: { slug: place.project } });
  },
};

export const checks = {
  matrix: (project: string, query: Query, signal?: Signal) =>
    call("GET", "/projects/{slug}/checks", {
      path: { slug: project },
      query,
      ...(signal ? { signal } : {}),
    }),
  history: (project: string, query: Query, signal?: Signal) =>
    call("GET", "/projects/{slug}/statuses", {
      path: { slug: project },
      query,
      ...(signal ? { signal } : {}),
    }),
  ofRelease: (release: number, query: Query) =>
    call("GET", "/releases/{release}/statuses", { path: { release }, query }),
  /** Requires one context more or less; what others require meanwhile makes it fail rather than vanish. */
  require: async (project: string, environment: string, context: string, on: boolean) => {
    const path = { slug: project, environment };
    const { version } = await call("GET", "/projects/{slug}", { path: { slug: project } });
    const now = await call("GET", "/projects/{slug}/environments/{environment}/required-checks", { path });
    const others = now.contexts.filter((c) => c !== context);
    return call("PUT", "/projects/{slug}/environments/{environment}/required-checks", {
      path,
      body: { contexts: on ? [...others, context] : others },
      version,
    });
  },
};

export const plugins = {
  list: () => everything((page_token) => call("GET", "/plugins", { query: { page_size: PAGE, page_token } })),
  create: (body: T.NewPlugin) => call("POST", "/plugins", { body, idempotencyKey: newKey() }),
  patch: (plugin: number, version: number, body: T.PatchPlugin) =>
    call("PATCH", "/plugins/{plugin}", { path: { plugin }, body, version }),
  remove: (plugin: number, version: number) =>
    call("DELETE", "/plugins/{plugin}", { path: { plugin }, version }),
  deliveries: (plugin: number, query: Query) =>
    call("GET", "/plugins/{plugin}/deliveries", { path: { plugin }, query }),
  replay: (delivery: number) => call("POST", "/deliveries/{delivery}/replay", { path: { delivery } }),
};

export const repositories = {
  list: () =>
    everything((page_token) => call("GET", "/repositories", { query: { page_size: PAGE, page_token } })),
  create: (body: T.NewRepository) => call("POST", "/repositories", { body, idempotencyKey: newKey() }),
  patch: (slug: string, version: number, body: T.PatchRepository) =>
    call("PATCH", "/repositories/{slug}", { path: { slug }, body, version }),
  rotate: (slug: string) => call("POST", "/repositories/{slug}/rotate", { path: { slug } }),
  pullRequests: (slug: string, query: Query) =>
    call("GET", "/repositories/{slug}/pull-requests", { path: { slug }, query }),
  look: (slug: string, number: number) =>
    call("POST", "/repositories/{slug}/pull-requests/{number}/look", { path: { slug, number } }),
};

export const changes = {
  issues: (query: Query, signal?: Signal) => call("GET", "/issues", { query, ...(signal ? { signal } : {}) }),
  issue: (issue: number) => call("GET", "/issues/{issue}", { path: { issue } }),
  createIssue: (body: T.NewIssue, idempotencyKey: string) =>
    call("POST", "/issues", { body, idempotencyKey }),
  patchIssue: (issue: number, body: T.PatchIssue) =>
    call("PATCH", "/issues/{issue}", { path: { issue }, body }),
  resolveGroupAgain: (issue: number) => call("POST", "/issues/{issue}/re-resolve", { path: { issue } }),
  requestApproval: (issue: number, comment: string) =>
    call("POST", "/issues/{issue}/request-approval", { path: { issue }, body: { comment } }),
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

export const releases = {
  board: (project: string, query: Query, signal?: Signal) =>
    call("GET", "/projects/{slug}/board", {
      path: { slug: project },
      query,
      ...(signal ? { signal } : {}),
    }),
  ofDatabase: (database: number, query: Query, signal?: Signal) =>
    call("GET", "/databases/{database}/releases", {
      path: { database },
      query,
      ...(signal ? { signal } : {}),
    }),
  previewPromotion: (body: T.NewPromotion, signal?: Signal) =>
    call("POST", "/promotions/preview", { body, ...(signal ? { signal } : {}) }),
  promote: (body: T.NewPromotion) => call("POST", "/promotions", { body, idempotencyKey: newKey() }),
  revert: (issue: number) =>
    call("POST", "/issues/{issue}/revert", { path: { issue }, body: {}, idempotencyKey: newKey() }),
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
  override: (pipeline: number, stage: string, reason: string) =>
    call("POST", "/pipelines/{pipeline}/stages/{stage}/advance", {
      path: { pipeline, stage },
      body: { override: { reason } },
    }),
  bypass: (pipeline: number, stage: string, gates: T.BypassGate[], reason: string) =>
    call("POST", "/pipelines/{pipeline}/stages/{stage}/bypass", {
      path: { pipeline, stage },
      body: { gates, reason },
    }),
  retryFailed: (pipeline: number, stage: string) =>
    call("POST", "/pipelines/{pipeline}/stages/{stage}/retry-failed", {
      path: { pipeline, stage },
    }),
  patchStage: (
    pipeline: number,
    stage: string,
    body: { max_parallel: number | null; max_failures: number | null },
  ) => call("PATCH", "/pipelines/{pipeline}/stages/{stage}", { path: { pipeline, stage }, body }),
  task: (task: number) => call("GET", "/tasks/{task}", { path: { task } }),
  sessions: (task: number, signal?: Signal) =>
    call("GET", "/tasks/{task}/sessions", { path: { task }, ...(signal ? { signal } : {}) }),
  patchTask: (task: number, body: T.PatchTask) => call("PATCH", "/tasks/{task}", { path: { task }, body }),
  retryTask: (task: number) => call("POST", "/tasks/{task}/retry", { path: { task } }),
  cancelTask: (task: number) => call("POST", "/tasks/{task}/cancel", { path: { task } }),
  settleTask: (task: number, body: T.NewSettlement) =>
    call("POST", "/tasks/{task}/settle", { path: { task }, body }),
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
