/** Which cached answers an event makes old. Events carry no state: they only say where to look again. */
import type { LiveEvent } from "./events";

type Key = readonly (string | number)[];
type Facts = { issue?: number | null; pipeline?: number | null; data?: Record<string, unknown> };

const facts = (payload: unknown): Facts => (typeof payload === "object" && payload !== null ? payload : {});
const LISTS: Key[] = [["issues"]];
/** After these a database may have another release, or wait for one. */
const RELEASES: ReadonlySet<string> = new Set([
  "TASK_SUCCESS",
  "PROMOTED",
  "ISSUE_CANCELED",
  "ISSUE_REOPENED",
  "PIPELINE_START",
  "PIPELINE_COMPLETE",
]);

/** The query keys (prefixes) to invalidate for one event. */
export function staleKeys(event: LiveEvent): Key[] {
  const { issue, pipeline } = facts(event.payload);
  const ofIssue: Key[] = issue ? [["issue", issue]] : [];
  const ofPipeline: Key[] = pipeline ? [["pipeline", pipeline]] : [];
  switch (event.type) {
    case "LOG_APPENDED":
      return [];
    case "COMMENTED":
      return issue ? [["activity", issue]] : [];
    case "ACCESS_CHANGED":
      return [
        ["me"],
        ["members"],
        ["users"],
        ["projects"],
        ["tiers"],
        ["environments"],
        ["issue"],
        ["issues"],
      ];
    case "SYNC_COMPLETE":
      return [
        ["databases"],
        ["database"],
        ["schema"],
        ["instances"],
        ["instance"],
        ["syncs"],
        ["schedules"],
        ["drifts"],
        ["drift"],
        ...ofPipeline,
      ];
    case "DRIFT_OPENED":
    case "DRIFT_IGNORED":
    case "DRIFT_ENDED":
      return [["drifts"], ["drift"]];
    case "FROZEN":
    case "THAWED":
      return [["freezes"], ["issue"], ["pipeline"], ...LISTS];
    case "CHECK_REPORTED":
      return [["checks"], ["issue"], ["pipeline"], ...LISTS];
    case "PLUGIN_ERROR":
      return [["plugins"], ["deliveries"], ["pull-requests"]];
    case "ISSUE_CREATED":
      return [...LISTS, ["projects"]];
  }
  const ofTasks: Key[] = pipeline ? [["tasks", pipeline], ["task"]] : [];
  const activity: Key[] = issue ? [["activity", issue]] : [];
  const syncs: Key[] = pipeline && !issue ? [["syncs"], ["instance"]] : [];
  const board: Key[] = RELEASES.has(event.type) ? [["board"], ["database-releases"], ["promotion"]] : [];
  return [...ofIssue, ...ofPipeline, ...ofTasks, ...activity, ...syncs, ...(issue ? LISTS : []), ...board];
}

/** The run whose log grew, or null for every other event. */
export function grownLog(event: LiveEvent): { run: number; lastSeq: number } | null {
  if (event.type !== "LOG_APPENDED") return null;
  const payload = facts(event.payload) as Record<string, unknown>;
  const source = (payload.data as Record<string, unknown> | undefined) ?? payload;
  const run = Number(source.run);
  return Number.isInteger(run) ? { run, lastSeq: Number(source.last_seq ?? 0) } : null;
}

/** Joins keys and drops those that a shorter one covers: `["task"]` covers `["task", 3]`. */
export function joinKeys(keys: Key[]): Key[] {
  const unique = [...new Map(keys.map((k) => [JSON.stringify(k), k])).values()];
  return unique.filter(
    (key) => !unique.some((o) => o !== key && o.length < key.length && o.every((part, i) => part === key[i])),
  );
}
