/** The server's field errors, moved beside the fields of the form that caused them. */
import { ApiError } from "@/api/errors";
import type { Step } from "../draft";

export type Placed = { step: Step; field: string; message: string };

function place(field: string): { step: Step; field: string } {
  const change = /changes\[?\.?(\d+)\]?\.?(\w+)?/.exec(field);
  if (change) return { step: 2, field: `changes.${change[1]}.${change[2] ?? "statement"}` };
  if (field === "title" || field === "description") return { step: 2, field };
  if (field === "statement" || field.startsWith("release")) return { step: 2, field: "changes.0.statement" };
  if (field.startsWith("targets")) return { step: 1, field: "databases" };
  if (field === "project") return { step: 1, field };
  return { step: 3, field };
}

export function serverProblems(error: unknown): Placed[] {
  if (!(error instanceof ApiError)) return [];
  return (error.problem.errors ?? []).map((e) => ({ ...place(e.field), message: e.message }));
}
