/** Query keys and options: a key starts with the resource's name, so that an event can invalidate a family. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Query } from "./client";
import {
  auth,
  catalog,
  changes,
  checks,
  everything,
  freezes,
  pipelines,
  plugins,
  records,
  releases,
  repositories,
} from "./endpoints";
import type { Engine, NewPromotion, TierWindow } from "./types";

const slow = 60_000;
const next = (page: { next_page_token: string | null }) => page.next_page_token ?? undefined;
const first = null as string | null;

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: auth.me, staleTime: slow, retry: false });
export const tokensQuery = queryOptions({ queryKey: ["tokens"], queryFn: auth.tokens });
/** What asks to be signed in under a code; asked once, because wrong codes are counted. */
export const deviceLoginQuery = (code: string) =>
  queryOptions({
    queryKey: ["device-login", code],
    queryFn: () => auth.deviceLogin(code),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
export const usersQuery = queryOptions({ queryKey: ["users"], queryFn: auth.users });
export const serviceAccountsQuery = queryOptions({
  queryKey: ["service-accounts"],
  queryFn: auth.serviceAccounts,
});

export const pluginsQuery = queryOptions({ queryKey: ["plugins"], queryFn: plugins.list });
export const deliveriesQuery = (plugin: number) =>
  queryOptions({
    queryKey: ["deliveries", plugin],
    queryFn: () => plugins.deliveries(plugin, { page_size: 20 }),
  });

export const repositoriesQuery = queryOptions({ queryKey: ["repositories"], queryFn: repositories.list });
export const pullRequestsQuery = (slug: string) =>
  queryOptions({
    queryKey: ["pull-requests", slug],
    queryFn: () => repositories.pullRequests(slug, { page_size: 20 }),
    refetchInterval: 5_000,
  });

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: catalog.projects,
  staleTime: slow,
});
export const environmentsQuery = queryOptions({
  queryKey: ["environments"],
  queryFn: catalog.environments,
  staleTime: slow,
  select: (all) => [...all].sort((a, b) => a.position - b.position),
});
export const tiersQuery = queryOptions({ queryKey: ["tiers"], queryFn: catalog.tiers, staleTime: slow });
export const groupsQuery = queryOptions({ queryKey: ["groups"], queryFn: catalog.groups, staleTime: slow });
export const groupMembersQuery = (slug: string) =>
  queryOptions({ queryKey: ["group-members", slug], queryFn: () => catalog.groupMembers(slug) });
export const openingsQuery = (windows: TierWindow[]) =>
  queryOptions({
    queryKey: ["openings", windows],
    queryFn: ({ signal }) => catalog.openings(windows, signal),
    enabled: windows.length > 0,
    retry: false,
  });
export const freezesQuery = queryOptions({ queryKey: ["freezes"], queryFn: freezes.list, staleTime: slow });
export const databaseGroupsQuery = (project: string) =>
  queryOptions({
    queryKey: ["database-groups", project],
    queryFn: () => catalog.databaseGroups(project),
    enabled: project !== "",
  });
export const selectedDatabasesQuery = (project: string, selector: string) =>
  infiniteQueryOptions({
    queryKey: ["databases", "selected", project, selector],
    queryFn: ({ pageParam, signal }) =>
      catalog.selectedDatabases(project, selector, { page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    enabled: project !== "" && selector.trim() !== "",
    retry: false,
  });
/** Every database that a group selects now: what a change for it would go to. */
export const groupDatabasesQuery = (project: string, selector: string) =>
  queryOptions({
    queryKey: ["databases", "group", project, selector],
    queryFn: () =>
      everything((page_token) =>
        catalog.selectedDatabases(project, selector, { page_size: 200, page_token }),
      ),
    enabled: selector !== "",
  });
export const membersQuery = (project: string) =>
  queryOptions({ queryKey: ["members", project], queryFn: () => catalog.members(project) });

export const instancesQuery = (filter: Query = {}) =>
  queryOptions({
    queryKey: ["instances", filter],
    queryFn: () => catalog.instances(filter),
    placeholderData: keepPreviousData,
  });
export const instanceQuery = (slug: string) =>
  queryOptions({ queryKey: ["instance", slug], queryFn: () => catalog.instance(slug) });
export const schedulesQuery = queryOptions({ queryKey: ["schedules"], queryFn: catalog.schedules });
export const slotsQuery = (schedule: number) =>
  infiniteQueryOptions({
    queryKey: ["schedules", schedule, "slots"],
    queryFn: ({ pageParam, signal }) =>
      catalog.slots(schedule, { page_size: 20, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
  });
export const syncsQuery = (slug: string) =>
  queryOptions({ queryKey: ["syncs", slug], queryFn: () => pipelines.ofInstance(slug) });

export const databasesQuery = (filter: Query) =>
  infiniteQueryOptions({
    queryKey: ["databases", filter],
    queryFn: ({ pageParam, signal }) =>
      catalog.databases({ ...filter, page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });
export const projectDatabasesQuery = (project: string) =>
  queryOptions({
    queryKey: ["databases", "all", project],
    queryFn: () => everything((page_token) => catalog.databases({ project, page_size: 200, page_token })),
    enabled: project !== "",
  });
export const databaseQuery = (id: number) =>
  queryOptions({ queryKey: ["database", id], queryFn: () => catalog.database(id) });
export const driftsQuery = (filter: Query) =>
  infiniteQueryOptions({
    queryKey: ["drifts", filter],
    queryFn: ({ pageParam, signal }) =>
      catalog.drifts({ ...filter, page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });
/** The newest drift of a database: the only one that may stand. */
export const newestDriftQuery = (database: number) =>
  queryOptions({
    queryKey: ["drifts", "newest", database],
    queryFn: async () =>
      (await catalog.drifts({ database: String(database), page_size: 1 })).items[0] ?? null,
  });
export const driftQuery = (id: number) =>
  queryOptions({ queryKey: ["drift", id], queryFn: () => catalog.drift(id) });
export const schemaQuery = (id: number) =>
  queryOptions({
    queryKey: ["schema", id],
    queryFn: () => catalog.schema(id),
    retry: false,
    staleTime: slow,
  });

export const issuesQuery = (filter: Query) =>
  infiniteQueryOptions({
    queryKey: ["issues", filter],
    queryFn: ({ pageParam, signal }) =>
      changes.issues({ ...filter, page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });
export const issueListQuery = (filter: Query) =>
  queryOptions({
    queryKey: ["issues", "short", filter],
    queryFn: ({ signal }) => changes.issues(filter, signal),
  });
export const issueQuery = (id: number) =>
  queryOptions({ queryKey: ["issue", id], queryFn: () => changes.issue(id) });
export const activityQuery = (id: number) =>
  queryOptions({ queryKey: ["activity", id], queryFn: () => changes.activity(id) });
export const releaseQuery = (id: number) =>
  queryOptions({
    queryKey: ["release", id],
    queryFn: () => changes.release(id),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const boardQuery = (project: string) =>
  infiniteQueryOptions({
    queryKey: ["board", project],
    queryFn: ({ pageParam, signal }) =>
      releases.board(project, { page_size: 100, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    enabled: project !== "",
    placeholderData: keepPreviousData,
  });
export const databaseReleasesQuery = (database: number) =>
  infiniteQueryOptions({
    queryKey: ["database-releases", database],
    queryFn: ({ pageParam, signal }) =>
      releases.ofDatabase(database, { page_size: 20, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
  });
/** Asked anew whenever a dialog opens: what would run may have changed since. */
export const promotionQuery = (wanted: NewPromotion) =>
  queryOptions({
    queryKey: ["promotion", wanted],
    queryFn: ({ signal }) => releases.previewPromotion(wanted, signal),
    gcTime: 0,
    retry: false,
  });

export const checksQuery = (project: string) =>
  infiniteQueryOptions({
    queryKey: ["checks", project],
    queryFn: ({ pageParam, signal }) =>
      checks.matrix(project, { page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    enabled: project !== "",
    placeholderData: keepPreviousData,
  });
export const checkHistoryQuery = (project: string, environment: string, context: string) =>
  infiniteQueryOptions({
    queryKey: ["checks", project, environment, context],
    queryFn: ({ pageParam, signal }) =>
      checks.history(project, { environment, context, page_size: 20, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
  });
export const releaseChecksQuery = (release: number) =>
  queryOptions({
    queryKey: ["checks", "of-release", release],
    queryFn: () => checks.ofRelease(release, { page_size: 50 }),
  });

export const reviewQuery = (engine: Engine, statement: string) =>
  queryOptions({
    queryKey: ["review", engine, statement],
    queryFn: () => changes.review(engine, statement),
    staleTime: slow,
    enabled: statement.trim() !== "",
  });

export const pipelineQuery = (id: number) =>
  queryOptions({ queryKey: ["pipeline", id], queryFn: () => pipelines.get(id) });
export const tasksQuery = (pipeline: number, filter: { stage: string; status?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ["tasks", pipeline, filter],
    queryFn: ({ pageParam, signal }) =>
      pipelines.tasks(pipeline, { ...filter, page_size: 100, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });
export const taskQuery = (id: number) =>
  queryOptions({ queryKey: ["task", id], queryFn: () => pipelines.task(id) });

/** Asks the target server itself, so only where somebody looks, and again every few seconds while they do. */
export const sessionsQuery = (task: number) =>
  queryOptions({
    queryKey: ["sessions", task],
    queryFn: ({ signal }) => pipelines.sessions(task, signal),
    refetchInterval: 2_000,
    retry: false,
  });

export const auditQuery = (filter: Query) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      records.audit({ ...filter, page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    retry: false,
  });
