/** Marks in a script: where a task failed, what review found, and where it is cut into steps. */
import type { FindingOut, StepOut } from "@/api/types";

export type LineMark = {
  line: number;
  column: number | null;
  message: string;
  kind: "failed" | "error" | "warning" | "step";
};

/** Findings that deserve a mark beside the line; notes are only listed. */
export const findingMarks = (findings: FindingOut[]): LineMark[] =>
  findings.flatMap((f) =>
    f.line === null || f.severity === "info"
      ? []
      : [{ line: f.line, column: null, message: f.message, kind: f.severity }],
  );

const NAMED = 3;

/** What a cut says above the first line of its step. */
export function stepText(step: StepOut, total: number): string {
  const parts = [`Step ${step.index + 1} of ${total}`];
  parts.push(step.transactional ? "one transaction" : "outside a transaction");
  for (const verb of ["creates", "writes", "drops"] as const) {
    const objects = step[verb] ?? [];
    const more = objects.length > NAMED ? ` and ${objects.length - NAMED} more` : "";
    if (objects.length) parts.push(`${verb} ${objects.slice(0, NAMED).join(", ")}${more}`);
  }
  if (step.opaque) parts.push("what it does cannot be read from its text");
  if (step.undecidable) parts.push("undecidable after a crash");
  return parts.join(" · ");
}

/** Where a script is cut; a script that is one transaction is not cut at all. */
export function stepMarks(steps: StepOut[]): LineMark[] {
  if (steps.length === 1 && steps[0]?.transactional) return [];
  return steps.flatMap((s) =>
    s.line == null ? [] : [{ line: s.line, column: null, message: stepText(s, steps.length), kind: "step" }],
  );
}

/** The marks of one script for several engines: what all say is said once, the rest names its engine. */
export function joinMarks(perEngine: { engine: string; marks: LineMark[] }[]): LineMark[] {
  const engines = new Map<string, { mark: LineMark; said: string[] }>();
  for (const { engine, marks } of perEngine)
    for (const mark of marks) {
      const key = JSON.stringify(mark);
      const known = engines.get(key) ?? { mark, said: [] };
      engines.set(key, { mark, said: [...known.said, engine] });
    }
  return [...engines.values()].map(({ mark, said }) =>
    said.length === perEngine.length ? mark : { ...mark, message: `${said.join(", ")}: ${mark.message}` },
  );
}

/** In the order of the script, inside its lines. */
export const orderMarks = (marks: LineMark[], lines: number): LineMark[] =>
  marks.map((m) => ({ ...m, line: Math.min(Math.max(m.line, 1), lines) })).sort((a, b) => a.line - b.line);
