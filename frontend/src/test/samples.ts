/** Small complete values for tests; a test overrides only what it is about. */
import type {
  ActivityOut,
  Blocker,
  DatabaseOut,
  EnvironmentOut,
  IssueOut,
  Person,
  SessionOut,
  StageCounts,
  StageOut,
  StepOut,
  TaskOut,
} from "@/api/types";

export const ana: Person = { id: 1, name: "Ana", email: "ana@example.com", kind: "person" };

export const counts = (some: Partial<StageCounts> = {}): StageCounts => ({
  waiting: 0,
  ready: 0,
  scheduled: 0,
  running: 0,
  canceling: 0,
  succeeded: 0,
  failed: 0,
  canceled: 0,
  skipped: 0,
  total: 0,
  ...some,
});

export const blocker = (gate: string, code = "required", message = `${gate} is closed`): Blocker => ({
  gate,
  code,
  message,
  waiting_for: [],
  clears_at: null,
});

export const stage = (some: Partial<StageOut> = {}): StageOut => ({
  id: 1,
  name: "dev",
  environment: some.name ?? "dev",
  environment_name: some.name ?? "dev",
  tier: "open",
  position: 0,
  phase: 0,
  needs: [],
  task_order: "parallel",
  advance: "auto",
  not_before: null,
  batch: null,
  batches: null,
  max_parallel: null,
  max_failures: null,
  independent: false,
  bypassed: [],
  status: "waiting",
  digest: "sha256:1",
  counts: counts(),
  blockers: [],
  steps: [],
  approvals: [],
  actions: [],
  ...some,
});

export const task = (some: Partial<TaskOut> = {}): TaskOut => ({
  id: 1,
  name: "pg/shop_1",
  type: "database.change",
  stage: "dev",
  environment: "dev",
  instance: "pg",
  database: "shop_1",
  database_id: 1,
  status: "waiting",
  skip_reason: null,
  skip_note: null,
  when: "on_success",
  allow_failure: false,
  attempts: 0,
  failure: null,
  progress: null,
  started_at: null,
  ended_at: null,
  latest_run: null,
  actions: [],
  pipeline: 9,
  issue: 7,
  release: 3,
  blockers: [],
  changes: [],
  run_at: null,
  runs: [],
  settlements: [],
  query: null,
  creates: null,
  only_if: [],
  outputs: {},
  context: { stages: [], omitted_stages: 0, outputs: {} },
  timeout: 3600,
  ...some,
});

export const step = (index: number, transactional: boolean, some: Partial<StepOut> = {}): StepOut => ({
  index,
  transactional,
  statements: [index],
  line: index * 2 + 1,
  undecidable: false,
  destructive: false,
  opaque: false,
  ...some,
});

export const session = (some: Partial<SessionOut> = {}): SessionOut => ({
  pid: 1,
  role: "blocker",
  task: null,
  attempt: null,
  username: "penstock",
  database: "shop_1",
  application_name: "app",
  client: "10.0.0.7",
  state: "active",
  started_at: null,
  transaction_started_at: null,
  waits_for: null,
  blocked_by: [],
  certain: true,
  query: "",
  locks: [],
  ...some,
});

type IssueLike = {
  status?: IssueOut["status"];
  result?: string;
  held?: boolean;
  actions?: string[];
  stages?: StageOut[];
};

export const issue = ({
  status = "open",
  result = "pending",
  held = false,
  actions = [],
  stages = [],
}: IssueLike = {}): IssueOut => ({
  id: 7,
  project: "shop",
  title: "Add currency",
  description: "",
  status,
  labels: {},
  author: ana,
  last_editor: ana,
  release: 3,
  release_digest: "sha256:2",
  revision: 1,
  group: null,
  promoted_from: null,
  reverts: null,
  actions,
  waiting_for: [],
  pipeline: {
    id: 9,
    issue: 7,
    project: "shop",
    status,
    result,
    order: "sequential",
    fail_fast: false,
    held,
    held_by: null,
    held_reason: null,
    stages,
    version: 1,
    created_at: "2026-11-01T10:00:00Z",
    updated_at: "2026-11-01T10:00:00Z",
  },
  created_at: "2026-11-01T10:00:00Z",
  updated_at: "2026-11-01T10:00:00Z",
});

export const activity = (n: number, some: Partial<ActivityOut> = {}): ActivityOut => ({
  id: `e${n}`,
  kind: "event",
  at: "2026-11-01T10:00:00Z",
  actor: ana,
  type: "TASK_START",
  body: null,
  data: {},
  ...some,
});

export const environment = (slug: string, position: number, tier = "open"): EnvironmentOut => ({
  slug,
  name: slug,
  position,
  tier,
  max_running_tasks: null,
  instances: 1,
  databases: 1,
  version: 1,
});

export const database = (
  id: number,
  environmentSlug: string,
  some: Partial<DatabaseOut> = {},
): DatabaseOut => ({
  id,
  name: `shop_${id}`,
  instance: `pg-${environmentSlug}`,
  engine: "postgres",
  environment: environmentSlug,
  project: "shop",
  labels: {},
  tables: 3,
  synced_at: null,
  vanished_at: null,
  version: 1,
  ...some,
});
