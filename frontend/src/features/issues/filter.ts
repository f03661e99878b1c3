/** The issue list's filter: one text (`is:open project:shop words`) ⇄ the URL ⇄ chips ⇄ the API's query parameters. */
import type { Query } from "@/api/client";

export const FIELDS = ["is", "project", "env", "author", "label", "waiting"] as const;
export type Field = (typeof FIELDS)[number];
export type Filter = Partial<Record<Field, string>> & { q?: string };
export type Chip = { field: Field; value: string };
export type FilterProblem = { token: string; message: string };

const STATUSES = ["open", "done", "canceled"];

/** Splits on spaces; `label:"team:a b"` keeps what is quoted. */
const tokens = (text: string) => text.match(/[^\s"]*"[^"]*"?|\S+/g) ?? [];
const unquote = (value: string) => value.replaceAll('"', "");
const quote = (value: string) => (/\s/.test(value) ? `"${value}"` : value);

/** Words that are no known `field:value` search the title; a repeated field keeps its last value. */
export function parseFilter(text: string): Filter {
  const filter: Filter = {};
  const words: string[] = [];
  for (const token of tokens(text)) {
    const at = token.indexOf(":");
    const field = token.slice(0, at).toLowerCase() as Field;
    const value = unquote(token.slice(at + 1));
    if (at > 0 && FIELDS.includes(field)) {
      if (value) filter[field] = value;
    } else words.push(unquote(token));
  }
  if (words.length) filter.q = words.join(" ");
  return filter;
}

export function formatFilter(filter: Filter): string {
  const parts: string[] = FIELDS.flatMap((f) => (filter[f] ? [`${f}:${quote(filter[f])}`] : []));
  if (filter.q) parts.push(filter.q);
  return parts.join(" ");
}

export const chips = (filter: Filter): Chip[] =>
  FIELDS.flatMap((field) => (filter[field] ? [{ field, value: filter[field] }] : []));

export function without(filter: Filter, field: keyof Filter): Filter {
  const { [field]: _gone, ...rest } = filter;
  return rest;
}

/** What cannot work, in words, before the server is asked. */
export function filterProblems(filter: Filter): FilterProblem[] {
  const problems: FilterProblem[] = [];
  if (filter.is && !STATUSES.includes(filter.is))
    problems.push({ token: `is:${filter.is}`, message: `is: takes ${STATUSES.join(", ")}` });
  if (filter.waiting && filter.waiting !== "me")
    problems.push({ token: `waiting:${filter.waiting}`, message: "waiting: takes me" });
  return problems;
}

export function filterQuery(filter: Filter): Query {
  const invalid = filterProblems(filter).map((p) => p.token);
  return {
    status: filter.is && !invalid.includes(`is:${filter.is}`) ? filter.is : undefined,
    project: filter.project,
    environment: filter.env,
    author: filter.author,
    label: filter.label,
    waiting_for: filter.waiting === "me" ? "me" : undefined,
    q: filter.q,
  };
}
