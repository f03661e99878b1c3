import type { Blocker } from "./types";

export type FieldProblem = { field: string; message: string; code?: string };
export type Problem = {
  type?: string;
  title: string;
  status: number;
  detail?: string | null;
  code: string;
  errors?: FieldProblem[];
  blockers?: Blocker[];
  request_id?: string | null;
  [extra: string]: unknown;
};

/** What the server answered instead of what was asked: carries the problem document. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
  }

  get status() {
    return this.problem.status;
  }

  get code() {
    return this.problem.code;
  }
}

/** A problem document from any answer: a proxy's HTML page or a lost connection becomes one too. */
export function toProblem(status: number, body: unknown, requestId: string | null): Problem {
  if (typeof body === "object" && body !== null && "code" in body) {
    const problem = body as Problem;
    return { ...problem, status, request_id: problem.request_id ?? requestId };
  }
  const gone = status === 0;
  return {
    title: gone ? "Penstock does not answer" : `Penstock answered ${status}`,
    detail: gone ? "Check the network, then try again. Nothing was lost." : null,
    status,
    code: gone ? "unreachable" : "internal",
    request_id: requestId,
  };
}

/** The messages that belong to one form field: `title`, or everything below `targets`. */
export function fieldProblem(error: unknown, ...fields: string[]): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const hits = (error.problem.errors ?? []).filter((e) =>
    fields.some((f) => e.field === f || e.field.startsWith(`${f}.`) || e.field.startsWith(`${f}[`)),
  );
  return hits.length ? hits.map((e) => e.message).join(" ") : undefined;
}

/** One sentence for a toast or an inline alert, with the field messages when the detail lacks them. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const fields = (error.problem.errors ?? []).map((e) => (e.field ? `${e.field}: ${e.message}` : e.message));
  const detail = error.problem.detail;
  if (!fields.length) return error.message;
  return detail && !fields.some((f) => f.includes(detail))
    ? `${detail} ${fields.join(" ")}`
    : fields.join(" ");
}
