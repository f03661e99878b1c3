import type { PipelineSearch } from "./StagePanel";

const whole = (value: unknown) => {
  const n = Number(value);
  return value !== undefined && value !== "" && Number.isInteger(n) && n >= 0 ? n : undefined;
};
const word = (value: unknown) =>
  typeof value === "string" && value ? value : typeof value === "number" ? String(value) : undefined;

/** `?stage=&status=&task=&run=&line=`: what is looked at; anything else is ignored. */
export function pipelineSearch(raw: Record<string, unknown>): PipelineSearch {
  const search: PipelineSearch = {};
  const stage = word(raw.stage);
  const status = word(raw.status);
  if (stage) search.stage = stage;
  if (status) search.status = status;
  for (const key of ["task", "run", "line"] as const) {
    const value = whole(raw[key]);
    if (value !== undefined) search[key] = value;
  }
  return search;
}
