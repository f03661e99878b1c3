import createClient from "openapi-fetch";
import { ApiError, toProblem } from "./errors";
import type { paths } from "./schema";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/** A path of the API without its base, as the server's document writes it: `/issues/{issue}`. */
export type Template = keyof paths extends infer P
  ? P extends `/api/v1${infer Rest}`
    ? Rest
    : never
  : never;
type Operation<P extends Template, M extends Method> = `/api/v1${P}` extends keyof paths
  ? paths[`/api/v1${P}`][Lowercase<M> & keyof paths[`/api/v1${P}`]]
  : never;
type Body<R> = R extends { content: { "application/json": infer B } } ? B : undefined;
/** What a successful answer holds; `never` for a method that the path does not have. */
export type Answer<P extends Template, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? Body<R[keyof R & (200 | 201 | 202 | 204)]> : never;
type Scalar = string | number | boolean | null | undefined;
export type Query = Record<string, Scalar>;
type Options = {
  path?: Record<string, string | number>;
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** Version that was read, sent as If-Match: a change by somebody else in between is refused. */
  version?: number;
  /** Key of a creating POST: pressing the button twice creates once. */
  idempotencyKey?: string;
};

export const API = "/api/v1";

const client = createClient<paths>({ credentials: "same-origin" });
// The pairing of method, path and answer is checked by `call`; below it, one untyped door is simpler than a cast per call.
const request = client.request as unknown as (
  method: string,
  path: string,
  init: object,
) => Promise<{ data?: unknown; error?: unknown; response: Response }>;
let csrf: string | null = null;
let onSignedOut: () => void = () => {};

/** The token that proves a changing request came from this page. */
export function setCsrf(token: string | null) {
  csrf = token;
}

/** What to do when any answer says that nobody is signed in. */
export function whenSignedOut(action: () => void) {
  onSignedOut = action;
}

const compact = (query: Query | undefined) =>
  query &&
  Object.fromEntries(Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== ""));

/**
 * One request. Answers the parsed body, or undefined for 204.
 *
 * Raises ApiError with the server's problem document, also when nothing answers.
 */
export async function call<P extends Template, M extends Method>(
  method: M,
  template: P,
  options: Options = {},
): Promise<Answer<P, M>> {
  const headers: Record<string, string> = {};
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  if (options.version !== undefined) headers["If-Match"] = `"${options.version}"`;
  const init = {
    params: { path: options.path, query: compact(options.query) },
    headers,
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.signal ? { signal: options.signal } : {}),
  };
  let answer: { data?: unknown; error?: unknown; response: Response };
  try {
    answer = await request(method.toLowerCase(), `${API}${template}`, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(toProblem(0, null, null));
  }
  const { response } = answer;
  if (!response.ok) {
    const problem = toProblem(response.status, answer.error, response.headers.get("X-Request-Id"));
    if (response.status === 401 && template !== "/auth/login") onSignedOut();
    throw new ApiError(problem);
  }
  return answer.data as Answer<P, M>;
}

/** A fresh Idempotency-Key; randomUUID exists only in secure contexts, so plain http falls back to random bytes. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join(
    "",
  );
}
