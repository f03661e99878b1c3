/** What a task asks, what it found, and what it is told of those before it, in words. */
import type { TaskOut } from "@/api/types";
import type { Value } from "./taskTitle";

type Condition = TaskOut["only_if"][number];
type StageBefore = TaskOut["context"]["stages"][number];

const OPERATORS: Record<Condition["op"], string> = {
  eq: "is",
  ne: "is not",
  lt: "is below",
  le: "is at most",
  gt: "is above",
  ge: "is at least",
};

/** A value as JSON has it, so that the text 1 and the number 1 can be told apart. */
export const valueText = (value: Value) => JSON.stringify(value);

/** `orders is below 10`. */
export const conditionText = (condition: Condition) =>
  `${condition.output} ${OPERATORS[condition.op]} ${valueText(condition.value)}`;

const EXPECTED = { no_rows: "no row", true: "one row with one true value" };

/** What the answer must be, and whether it was; null where any answer will do. */
export function expectation(task: TaskOut): { text: string; verdict: "met" | "not met" | "open" } | null {
  const expect = task.query?.expect;
  if (!expect) return null;
  const refused = task.failure?.code === "unexpected_rows" || task.failure?.code === "not_true";
  const verdict =
    task.status === "succeeded" ? "met" : task.status === "failed" && refused ? "not met" : "open";
  return { text: EXPECTED[expect], verdict };
}

/** `shop_eu, owned by shop, encoded in UTF8`. */
export const creationText = ({ database, owner, encoding }: NonNullable<TaskOut["creates"]>) =>
  [database, owner && `owned by ${owner}`, encoding && `encoded in ${encoding}`].filter(Boolean).join(", ");

const RELATIONS = {
  needs: "needed",
  phase: "in a lower phase",
  sequence: "this stage, the tasks before it",
} as const;

export const relationText = (relation: StageBefore["relation"]) => RELATIONS[relation];
