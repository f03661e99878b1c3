/** Folding a long activity timeline: the first five, the last five, and every comment stay. */
import type { ActivityOut } from "@/api/types";
import { SKIPPED } from "@/features/pipeline/taskWords";

export type TimelineEntry =
  | { kind: "item"; item: ActivityOut }
  | { kind: "fold"; id: string; items: ActivityOut[] };

const EDGE = 5;
const LEAST = 3;

/** Folds runs of at least three events in the middle; shorter runs cost less to read than to open. */
export function foldTimeline(items: ActivityOut[], opened: ReadonlySet<string> = new Set()): TimelineEntry[] {
  const out: TimelineEntry[] = [];
  let run: ActivityOut[] = [];
  const close = () => {
    const id = run[0]?.id ?? "";
    if (run.length >= LEAST && !opened.has(id)) out.push({ kind: "fold", id, items: run });
    else for (const item of run) out.push({ kind: "item", item });
    run = [];
  };
  items.forEach((item, at) => {
    const stays = at < EDGE || at >= items.length - EDGE || item.kind === "comment";
    if (!stays) run.push(item);
    else {
      close();
      out.push({ kind: "item", item });
    }
  });
  close();
  return out;
}

const text = (value: unknown) =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

const tasks = (count: string) => (count === "1" ? "1 task" : `${count} tasks`);
const skipWhy = (reason: string) => (reason ? `: ${(SKIPPED[reason] ?? reason).toLowerCase()}` : "");

/** What somebody edited: the SQL of one task, that of the issue, or something else of it. */
function edited({ data }: ActivityOut, task: string): string {
  if (data.task) return `gave ${task} SQL of its own`;
  if (Array.isArray(data.fields) && data.fields.includes("release")) return "edited the SQL";
  return "edited the issue";
}

/** What happened, as a sentence that follows the actor's name. */
export function activityText(item: ActivityOut): string {
  const stage = text(item.data.stage) || (Array.isArray(item.data.stages) ? item.data.stages.join(", ") : "");
  const reason = text(item.data.reason) || text(item.data.comment);
  const because = reason ? `: ${reason}` : "";
  const task =
    text(item.data.database) ||
    text(item.data.name) ||
    (item.data.task ? `task ${text(item.data.task)}` : "");
  const on = stage ? ` ${stage}` : "";
  const at = stage ? ` in ${stage}` : "";
  const count = text(item.data.count);
  switch (item.type) {
    case "ISSUE_CREATED":
      return "filed this change";
    case "ISSUE_UPDATED":
      return edited(item, task);
    case "ISSUE_CANCELED":
      return `canceled the issue${because}`;
    case "ISSUE_REOPENED":
      return "reopened the issue";
    case "APPROVAL_REQUESTED":
      return `asked ${item.data.again ? "again " : ""}for approval${stage ? ` of ${stage}` : ""}${because}`;
    case "APPROVED":
      return `approved${on}${because}`;
    case "PROMOTED":
      return `promoted release #${text(item.data.release)} from ${text(item.data.source)} to ${text(item.data.target)}`;
    case "REJECTED":
      return `requested changes${stage ? ` for ${stage}` : ""}${because}`;
    case "STAGE_OPENED":
      return `Stage${on} opened`;
    case "STAGE_CLOSED":
      return `Stage${on} closed`;
    case "STAGE_SKIPPED":
      return `${count ? tasks(count) : "Tasks"} skipped${at}${skipWhy(text(item.data.reason))}`;
    case "STAGE_ADVANCED":
      return `ran${on}`;
    case "TASKS_RETRIED":
      return `retried ${count ? tasks(count) : "the failed tasks"}${at}`;
    case "TASK_SETTLED":
      return `settled ${task}${at} as ${text(item.data.outcome).replace("_", " ")}${because}`;
    case "STAGE_BYPASSED":
      return `bypassed ${Array.isArray(item.data.gates) ? item.data.gates.join(", ") : "gates"}${at}${because}`;
    case "CHECK_OVERRIDDEN": {
      const checks = Array.isArray(item.data.checks) ? item.data.checks : [];
      const names = checks.map((c) => text((c as Record<string, unknown>).context)).join(", ");
      return `overrode ${names || "checks"}${at}${because}`;
    }
    case "TASK_CANCELING":
      return `canceled ${task}${at}`;
    case "PIPELINE_HELD":
      return `put the pipeline on hold${because}`;
    case "PIPELINE_RESUMED":
      return "resumed the pipeline";
    case "PIPELINE_START":
      return "Pipeline started";
    case "PIPELINE_SUCCESS":
      return "Pipeline succeeded";
    case "PIPELINE_FAIL":
      return "Pipeline failed";
    case "PIPELINE_COMPLETE":
      return "Pipeline ended";
    case "TASK_START":
      return `Started ${task}${at}`;
    case "TASK_SUCCESS":
      return `Applied ${task}${at}`;
    case "TASK_FAIL":
      return `Failed ${task}${at}`;
    case "TASK_COMPLETE":
      return `Ended ${task}${at}${text(item.data.outcome) ? ` (${text(item.data.outcome)})` : ""}`;
    default:
      return (item.type ?? "").toLowerCase().replaceAll("_", " ");
  }
}

/** Sentences that begin with a capital stand alone; the others follow the actor's name. */
export const standsAlone = (sentence: string) => /^[A-Z\d]/.test(sentence);

/** A task's end is announced twice (its result, then that it ended): one line is enough. */
export function withoutEchoes(items: ActivityOut[]): ActivityOut[] {
  const told = new Set<string>();
  return items.filter((item) => {
    if (item.type === "PIPELINE_COMPLETE") return false;
    const key = `${text(item.data.task)}:${text(item.data.attempt)}`;
    if (item.type === "TASK_SUCCESS" || item.type === "TASK_FAIL") told.add(key);
    return !(item.type === "TASK_COMPLETE" && told.has(key));
  });
}
