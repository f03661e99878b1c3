/** An approval tier as a form: steps are lists of `role:…`, `group:…` and e-mail addresses. */
import type {
  EscalationWhen,
  Filler,
  GroupOut,
  NewTier,
  TierEscalation,
  TierOut,
  TierStep,
  TierWindow,
} from "@/api/types";

export type StepForm = { key: number; who: string[]; count: number | string };
export type EscalationForm = {
  key: number;
  severity: "error" | "warning" | "info" | "";
  destructive: boolean;
  rows: number | string;
  /** Megabytes. */
  size: number | string;
  steps: StepForm[];
};
export type WindowForm = { key: number; cron: string; minutes: number | string; zone: string };
export type TierForm = {
  slug: string;
  name: string;
  steps: StepForm[];
  escalations: EscalationForm[];
  windows: WindowForm[];
  self: boolean;
  rollout: "auto" | "manual";
  blocking: TierOut["blocking_severity"];
  lowerFirst: boolean;
  /** Minutes. */
  soak: number | string;
};
export type Choice = { value: string; label: string };

const YEAR = 525_600; // minutes
const WEEK = 10_080; // minutes
const MEGABYTE = 1024 * 1024;

export const ROLES: Choice[] = [
  { value: "role:project:owner", label: "Project owner" },
  { value: "role:project:releaser", label: "Releaser" },
  { value: "role:project:developer", label: "Developer" },
  { value: "role:workspace:dba", label: "DBA" },
  { value: "role:workspace:admin", label: "Administrator" },
];

/** Whom a step may ask by name: the roles, and the groups that there are. */
export const choices = (groups: Pick<GroupOut, "slug" | "name">[]): Choice[] => [
  ...ROLES,
  ...groups.map((g) => ({ value: `group:${g.slug}`, label: `Group ${g.name}` })),
];

const toWho = (f: Filler) => (f.role ? `role:${f.role}` : f.group ? `group:${f.group}` : (f.user ?? ""));
const toFiller = (who: string): Filler => {
  if (who.startsWith("role:")) return { role: who.slice(5) };
  return who.startsWith("group:") ? { group: who.slice(6) } : { user: who };
};

export const nextKey = (items: { key: number }[]) => Math.max(0, ...items.map((i) => i.key)) + 1;
export const emptyStep = (key: number): StepForm => ({ key, who: ["role:project:owner"], count: 1 });
export const emptyEscalation = (key: number): EscalationForm => ({
  key,
  severity: "",
  destructive: true,
  rows: "",
  size: "",
  steps: [{ key: 1, who: ["role:workspace:dba"], count: 1 }],
});
export const emptyWindow = (key: number): WindowForm => ({
  key,
  cron: "0 22 * * 1-5",
  minutes: 120,
  zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
});

const fromSteps = (steps: TierStep[]): StepForm[] =>
  steps.map((s, i) => ({ key: i + 1, who: s.any_of.map(toWho), count: s.count ?? 1 }));

const fromEscalation = ({ when, add_steps }: TierEscalation, at: number): EscalationForm => ({
  key: at + 1,
  severity: when.finding_severity ?? "",
  destructive: when.destructive ?? false,
  rows: when.rows_over ?? "",
  size: when.table_bytes_over == null ? "" : when.table_bytes_over / MEGABYTE,
  steps: fromSteps(add_steps),
});

export const fromTier = (tier: TierOut | null): TierForm => ({
  slug: tier?.slug ?? "",
  name: tier?.name ?? "",
  steps: fromSteps(tier?.steps ?? []),
  escalations: (tier?.escalations ?? []).map(fromEscalation),
  windows: (tier?.windows ?? []).map((w, i) => ({
    key: i + 1,
    cron: w.cron,
    minutes: w.duration_minutes,
    zone: w.time_zone ?? "UTC",
  })),
  self: tier?.self_approval ?? false,
  rollout: tier?.rollout ?? "auto",
  blocking: tier?.blocking_severity ?? "error",
  lowerFirst: tier?.requires_lower_environments ?? false,
  soak: tier?.soak ?? 0,
});

export const toSteps = (steps: StepForm[]): TierStep[] =>
  steps.map((s) => ({ any_of: s.who.map(toFiller), count: Number(s.count) }));

function toWhen(e: EscalationForm): EscalationWhen {
  return {
    ...(e.severity ? { finding_severity: e.severity } : {}),
    ...(e.destructive ? { destructive: true } : {}),
    ...(e.rows === "" ? {} : { rows_over: Number(e.rows) }),
    ...(e.size === "" ? {} : { table_bytes_over: Math.round(Number(e.size) * MEGABYTE) }),
  };
}

export const toWindows = (windows: WindowForm[]): TierWindow[] =>
  windows.map((w) => ({
    cron: w.cron.trim(),
    duration_minutes: Number(w.minutes),
    time_zone: w.zone.trim(),
  }));

/** Everything but the slug, which a tier keeps. */
export const toTier = (form: TierForm): Omit<NewTier, "slug"> => ({
  name: form.name.trim(),
  steps: toSteps(form.steps),
  escalations: form.escalations.map((e) => ({ when: toWhen(e), add_steps: toSteps(e.steps) })),
  windows: toWindows(form.windows),
  self_approval: form.self,
  rollout: form.rollout,
  blocking_severity: form.blocking,
  requires_lower_environments: form.lowerFirst,
  soak: Number(form.soak),
});

const whole = (value: number | string, from: number, to: number) => {
  const n = Number(value);
  return value !== "" && Number.isInteger(n) && n >= from && n <= to;
};

function stepProblem(step: StepForm): string | undefined {
  const bad = step.who.find((w) => !/^(role|group):/.test(w) && !/^[^@\s]+@[^@\s]+$/.test(w));
  if (!step.who.length) return "Choose at least one role, group or person.";
  if (bad) return `“${bad}” is neither a role, a group nor an e-mail address.`;
  return whole(step.count, 1, 10) ? undefined : "1 to 10 approvals.";
}

function escalationProblem(e: EscalationForm): string | undefined {
  if (!e.severity && !e.destructive && e.rows === "" && e.size === "") return "Say when: choose a condition.";
  if (!e.steps.length) return "Add the step that it asks for.";
  const bad = [e.rows, e.size].find((n) => n !== "" && !(Number(n) >= 0));
  if (bad !== undefined || (e.rows !== "" && !Number.isInteger(Number(e.rows)))) return "0 or more.";
  return undefined;
}

function windowProblem(w: WindowForm): string | undefined {
  if (w.cron.trim().split(/\s+/).length !== 5) return "Five fields, such as 0 22 * * 1-5.";
  if (!whole(w.minutes, 1, WEEK)) return "1 minute to a week.";
  return w.zone.trim() ? undefined : "A time zone, such as Europe/Berlin.";
}

export const windowsAreWhole = (windows: WindowForm[]) => windows.every((w) => !windowProblem(w));

/** What is wrong: `name`, `slug`, `soak`, `steps.1`, `escalations.1`, `escalations.1.steps.1`, `windows.1`. */
export function tierProblems(form: TierForm): Record<string, string> {
  const problems: Record<string, string> = {};
  const say = (key: string, problem: string | undefined) => {
    if (problem) problems[key] = problem;
  };
  if (!form.name.trim()) problems.name = "Give the tier a name.";
  if (!/^[a-z0-9][a-z0-9-]*$/.test(form.slug)) problems.slug = "Small letters, digits and dashes.";
  if (!whole(form.soak, 0, YEAR)) problems.soak = "0 minutes to a year.";
  else if (Number(form.soak) > 0 && !form.lowerFirst)
    problems.soak = "It counts from the lower environments: let these come first.";
  for (const step of form.steps) say(`steps.${step.key}`, stepProblem(step));
  for (const e of form.escalations) {
    say(`escalations.${e.key}`, escalationProblem(e));
    for (const step of e.steps) say(`escalations.${e.key}.steps.${step.key}`, stepProblem(step));
  }
  for (const w of form.windows) say(`windows.${w.key}`, windowProblem(w));
  return problems;
}

/** The server's mistakes by the same keys: `steps[0].any_of[1].group` is of the first step. */
export function placedProblems(
  form: TierForm,
  errors: { field: string; message: string }[],
): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const { field, message } of errors) {
    const [, list, at, rest] = /^(steps|escalations|windows)\[(\d+)\](.*)$/.exec(field) ?? [];
    if (!list) {
      problems[field] = message;
      continue;
    }
    const item = form[list as "steps" | "escalations" | "windows"][Number(at)];
    const inner = /^\.add_steps\[(\d+)\]/.exec(rest ?? "");
    const step = inner && item && "steps" in item ? item.steps[Number(inner[1])] : undefined;
    problems[`${list}.${item?.key}${step ? `.steps.${step.key}` : ""}`] = message;
  }
  return problems;
}
