/** Query keys and options: a key starts with the resource's name, so that an event can invalidate a family. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Query } from "./client";
import { auth, catalog, changes, everything, pipelines, records } from "./endpoints";
import type { Engine } from "./types";

const slow = 60_000;
const next = (page: { next_page_token: string | null }) => page.next_page_token ?? undefined;
const first = null as string | null;

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: auth.me, staleTime: slow, retry: false });
export const tokensQuery = queryOptions({ queryKey: ["tokens"], queryFn: auth.tokens });
export const usersQuery = queryOptions({ queryKey: ["users"], queryFn: auth.users });
export const serviceAccountsQuery = queryOptions({
  queryKey: ["service-accounts"],
  queryFn: auth.serviceAccounts,
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

export const auditQuery = (filter: Query) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      records.audit({ ...filter, page_size: 50, page_token: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: next,
    retry: false,
  });
