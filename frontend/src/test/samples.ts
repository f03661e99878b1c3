/** Small complete values for tests; a test overrides only what it is about. */
import type {
  ActivityOut,
  Blocker,
  DatabaseOut,
  EnvironmentOut,
  IssueOut,
  Person,
  StageCounts,
  StageOut,
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
  status: "waiting",
  digest: "sha256:1",
  counts: counts(),
  blockers: [],
  steps: [],
  approvals: [],
  actions: [],
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
