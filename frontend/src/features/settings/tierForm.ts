/** An approval tier as a form: steps are lists of `role:…` and e-mail addresses. */
import type { Filler, TierOut, TierStep } from "@/api/types";

export type StepForm = { key: number; who: string[]; count: number | string };
export type TierForm = {
  slug: string;
  name: string;
  steps: StepForm[];
  self: boolean;
  rollout: "auto" | "manual";
  blocking: TierOut["blocking_severity"];
};

export const ROLES = [
  { value: "role:project:owner", label: "Project owner" },
  { value: "role:workspace:dba", label: "DBA" },
  { value: "role:workspace:admin", label: "Administrator" },
];

const toWho = (f: Filler) => (f.role ? `role:${f.role}` : (f.user ?? ""));
const toFiller = (who: string): Filler => (who.startsWith("role:") ? { role: who.slice(5) } : { user: who });

export const emptyStep = (key: number): StepForm => ({ key, who: ["role:project:owner"], count: 1 });

export const fromTier = (tier: TierOut | null): TierForm => ({
  slug: tier?.slug ?? "",
  name: tier?.name ?? "",
  steps: (tier?.steps ?? []).map((s, i) => ({ key: i + 1, who: s.any_of.map(toWho), count: s.count ?? 1 })),
  self: tier?.self_approval ?? false,
  rollout: tier?.rollout ?? "auto",
  blocking: tier?.blocking_severity ?? "error",
});

export const toSteps = (form: TierForm): TierStep[] =>
  form.steps.map((s) => ({ any_of: s.who.map(toFiller), count: Number(s.count) }));

/** What is wrong, by the key of the step, `name` or `slug`. */
export function tierProblems(form: TierForm): Record<string, string> {
  const problems: Record<string, string> = {};
  if (!form.name.trim()) problems.name = "Give the tier a name.";
  if (!/^[a-z0-9][a-z0-9-]*$/.test(form.slug)) problems.slug = "Small letters, digits and dashes.";
  for (const step of form.steps) {
    const bad = step.who.find((w) => !w.startsWith("role:") && !/^[^@\s]+@[^@\s]+$/.test(w));
    const count = Number(step.count);
    if (!step.who.length) problems[step.key] = "Choose at least one role or person.";
    else if (bad) problems[step.key] = `“${bad}” is neither a role nor an e-mail address.`;
    else if (!Number.isInteger(count) || count < 1 || count > 10) problems[step.key] = "1 to 10 approvals.";
  }
  return problems;
}
