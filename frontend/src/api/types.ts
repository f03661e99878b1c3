/** The API's shapes under the names that the pages use. Fields are those of the server's response structs. */

export type Page<T> = { items: T[]; next_page_token: string | null };
export type Engine = "postgres" | "mysql" | "mariadb";
export type Tls = "disable" | "prefer" | "require" | "verify-full";
export type WorkspaceRole = "admin" | "dba" | "member";
export type ProjectRole = "owner" | "releaser" | "developer" | "viewer";

export type Person = { id: number; name: string; email: string | null; kind: string };
export type Blocker = {
  gate: string;
  code: string;
  message: string;
  waiting_for: string[];
  clears_at: string | null;
};

export type Me = {
  id: number;
  email: string | null;
  name: string;
  kind: string;
  workspace_role: WorkspaceRole;
  permissions: string[];
  projects: { project: string; role: ProjectRole; permissions: string[] }[];
  csrf_token: string | null;
};
export type TokenOut = {
  id: number;
  name: string;
  owner: Person;
  prefix: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
};
export type CreatedToken = TokenOut & { token: string };
export type NewToken = { name: string; service_account?: number | null; expires_in_days?: number | null };
export type UserOut = {
  id: number;
  email: string;
  name: string;
  workspace_role: WorkspaceRole;
  disabled: boolean;
  created_at: string;
};
export type NewUser = { email: string; name: string; password: string; workspace_role: WorkspaceRole };
export type PatchUser = Partial<{
  name: string;
  password: string;
  workspace_role: WorkspaceRole;
  disabled: boolean;
}>;
export type ServiceAccountOut = { id: number; name: string; disabled: boolean; created_at: string };
export type Member = { principal: string; role: ProjectRole };
export type MemberOut = Member & { person: Person };

export type ProjectOut = {
  slug: string;
  name: string;
  description: string;
  databases: number;
  open_issues: number;
  my_role: string | null;
  created_at: string;
  version: number;
};
export type NewProject = { slug: string; name: string; description: string };
export type EnvironmentOut = {
  slug: string;
  name: string;
  position: number;
  tier: string;
  instances: number;
  databases: number;
  version: number;
};
export type NewEnvironment = { slug: string; name: string; tier: string; position?: number | null };
export type PatchEnvironment = Partial<{ name: string; tier: string; position: number }>;
export type Filler = { role?: string | null; user?: string | null };
export type TierStep = { any_of: Filler[]; count?: number };
export type TierOut = {
  slug: string;
  name: string;
  steps: TierStep[];
  self_approval: boolean;
  rollout: "auto" | "manual";
  environments: string[];
  version: number;
};
export type NewTier = Pick<TierOut, "slug" | "name" | "steps" | "self_approval" | "rollout">;

export type InstanceOptions = { max_running_tasks?: number; maintenance_database?: string };
export type NewInstance = {
  slug: string;
  name?: string | null;
  engine: Engine;
  environment: string;
  host: string;
  port: number;
  username?: string | null;
  password?: string | null;
  dsn_env?: string | null;
  tls: Tls;
  options?: InstanceOptions;
};
export type PatchInstance = Partial<
  Pick<NewInstance, "name" | "host" | "port" | "username" | "tls" | "options">
> & {
  password?: string;
};
export type InstanceOut = {
  slug: string;
  name: string;
  engine: Engine;
  environment: string;
  host: string;
  port: number;
  username: string | null;
  has_password: boolean;
  dsn_env: string | null;
  tls: Tls;
  options: InstanceOptions;
  server_version: string | null;
  databases: number;
  last_synced_at: string | null;
  last_sync_error: string | null;
  sync_pipeline: number | null;
  version: number;
};
export type InstanceTest = {
  reachable: boolean;
  authenticated: boolean;
  version: string | null;
  privileges: string[];
  ledger: string;
  steps: { name: string; ok: boolean; detail: string; ms: number }[];
};
export type SyncStarted = { pipeline: number; already_running: boolean };
export type DatabaseOut = {
  id: number;
  name: string;
  instance: string;
  engine: Engine;
  environment: string;
  project: string | null;
  labels: Record<string, string>;
  tables: number | null;
  synced_at: string | null;
  vanished_at: string | null;
  version: number;
};
export type PatchDatabase = { project?: string | null; labels?: Record<string, string> };
export type SchemaColumn = {
  name: string;
  type: string;
  position: number;
  nullable: boolean;
  default?: string | null;
  identity?: string | null;
  generated?: string | null;
  collation?: string | null;
  comment?: string | null;
};
export type SchemaRelation = {
  name: string;
  kind: "table" | "partitioned_table" | "view" | "materialized_view" | "foreign_table";
  columns?: SchemaColumn[];
  primary_key?: string[];
  indexes?: { name: string; definition: string; unique?: boolean; primary?: boolean; valid?: boolean }[];
  constraints?: { name: string; kind: string; definition: string; validated?: boolean }[];
  definition?: string | null;
  parent?: string | null;
  comment?: string | null;
};
export type SchemaNamespace = { name: string; relations?: SchemaRelation[]; comment?: string | null };
export type SchemaOut = {
  database: number;
  synced_at: string;
  fingerprint: string;
  schemas: SchemaNamespace[];
};
export type ScheduleOut = {
  id: number;
  kind: string;
  instance: string;
  cron: string;
  time_zone: string;
  enabled: boolean;
  next_at: string | null;
  last_slot: string | null;
  last_pipeline: number | null;
};
export type EventOut = {
  position: number;
  type: string;
  at: string;
  actor: Person | null;
  project: string | null;
  issue: number | null;
  pipeline: number | null;
  version: number | null;
  data: Record<string, unknown>;
};
export type AuditOut = {
  id: number;
  at: string;
  actor: Person | null;
  action: string;
  resource: string;
  data: Record<string, unknown>;
};

export type NewChange = {
  version?: string | null;
  name?: string;
  statement: string;
  engine?: Engine | null;
  environments?: string[] | null;
};
export type ChangeOut = {
  version: string;
  name: string;
  digest: string;
  engine: string | null;
  environments: string[] | null;
  statement: string;
  revert: string | null;
  verify: string | null;
  bytes: number;
  statements: number;
};
export type ReleaseOut = {
  id: number;
  project: string;
  digest: string;
  changes: ChangeOut[];
  created_by: Person;
  created_at: string;
};
export type NewIssue = {
  project: string;
  title: string;
  description?: string;
  labels?: Record<string, string>;
  release?: number | { changes: NewChange[] } | null;
  statement?: string | null;
  targets: { databases?: (number | string)[] | null; environments?: string[] | null };
};
export type PatchIssue = Partial<{ title: string; description: string; labels: Record<string, string> }>;
export type PutRelease = { changes?: NewChange[]; statement?: string; release?: number };

export type TaskStatus =
  | "waiting"
  | "ready"
  | "scheduled"
  | "running"
  | "canceling"
  | "succeeded"
  | "failed"
  | "canceled"
  | "skipped";
export type StageCounts = Record<TaskStatus, number> & { total: number };
export type ApprovalOut = {
  id: number;
  stage: string;
  step: number | null;
  person: Person;
  decision: "approve" | "reject";
  comment: string;
  state: "fresh" | "stale" | "void" | "withdrawn";
  digest: string;
  at: string;
};
export type ApprovalStepOut = {
  index: number;
  label: string;
  any_of: string[];
  count: number;
  approved_by: Person[];
  candidates: Person[];
  satisfied: boolean;
  can_approve: boolean;
};
export type StageOut = {
  id: number;
  name: string;
  environment: string;
  environment_name: string;
  tier: string;
  position: number;
  phase: number;
  needs: string[];
  task_order: "sequential" | "parallel";
  advance: "auto" | "manual";
  status: string;
  digest: string;
  counts: StageCounts;
  blockers: Blocker[];
  steps: ApprovalStepOut[];
  approvals: ApprovalOut[];
  actions: string[];
};
export type IssueStatus = "open" | "done" | "canceled";
export type PipelineOut = {
  id: number;
  issue: number | null;
  project: string | null;
  status: IssueStatus;
  result: string;
  order: "sequential" | "parallel";
  fail_fast: boolean;
  held: boolean;
  held_by: Person | null;
  held_reason: string | null;
  stages: StageOut[];
  version: number;
  created_at: string;
  updated_at: string;
};
export type PipelineSummary = Pick<PipelineOut, "id" | "status" | "result" | "created_at" | "updated_at">;
export type IssueOut = {
  id: number;
  project: string;
  title: string;
  description: string;
  status: IssueStatus;
  labels: Record<string, string>;
  author: Person;
  last_editor: Person;
  release: number;
  release_digest: string;
  revision: number;
  actions: string[];
  waiting_for: string[];
  pipeline: PipelineOut;
  created_at: string;
  updated_at: string;
};
export type StageDot = { name: string; status: string; counts: StageCounts };
export type IssueSummary = {
  id: number;
  project: string;
  title: string;
  status: IssueStatus;
  result: string;
  labels: Record<string, string>;
  author: Person;
  stages: StageDot[];
  waiting_for: string[];
  approvals_done: number;
  approvals_needed: number;
  created_at: string;
  updated_at: string;
};
export type Failure = {
  kind: string;
  class: string;
  code: string;
  message: string;
  statement_index: number | null;
  line: number | null;
  column: number | null;
  hint: string | null;
};
export type TaskChange = {
  version: string;
  name: string;
  state: "applied" | "already_applied" | "failed" | "unknown" | "not_run";
  run: number | null;
};
export type RunOut = {
  id: number;
  task: number;
  attempt: number;
  runner: string | null;
  started_at: string;
  ended_at: string | null;
  outcome: string | null;
  last_seq: number;
};
export type TaskSummary = {
  id: number;
  name: string;
  type: string;
  stage: string;
  environment: string;
  instance: string;
  database: string | null;
  database_id: number | null;
  status: TaskStatus;
  skip_reason: string | null;
  skip_note: string | null;
  attempts: number;
  failure: Failure | null;
  progress: string | null;
  started_at: string | null;
  ended_at: string | null;
  latest_run: number | null;
  actions: string[];
};
export type TaskOut = TaskSummary & {
  pipeline: number;
  issue: number | null;
  release: number | null;
  blockers: Blocker[];
  changes: TaskChange[];
  run_at: string | null;
  runs: RunOut[];
};
export type LogLine = {
  seq: number;
  at: string;
  level: "debug" | "info" | "warning" | "error";
  text: string;
  statement_index: number | null;
};
export type LogPage = { items: LogLine[]; next_after: number; ended: boolean };
export type NewApproval = {
  stages: string[] | "all";
  digest: Record<string, string>;
  decision: "approve" | "reject";
  comment: string;
};
export type ActivityOut = {
  id: string;
  kind: "comment" | "event";
  at: string;
  actor: Person | null;
  type: string | null;
  body: string | null;
  data: Record<string, unknown>;
};
