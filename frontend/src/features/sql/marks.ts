/** Marks in a script: where a task failed, and what review found. */
import type { FindingOut } from "@/api/types";

export type LineMark = {
  line: number;
  column: number | null;
  message: string;
  kind: "failed" | "error" | "warning";
};

/** Findings that deserve a mark beside the line; notes are only listed. */
export const findingMarks = (findings: FindingOut[]): LineMark[] =>
  findings.flatMap((f) =>
    f.line === null || f.severity === "info"
      ? []
      : [{ line: f.line, column: null, message: f.message, kind: f.severity }],
  );

/** In the order of the script, inside its lines. */
export const orderMarks = (marks: LineMark[], lines: number): LineMark[] =>
  marks.map((m) => ({ ...m, line: Math.min(Math.max(m.line, 1), lines) })).sort((a, b) => a.line - b.line);
