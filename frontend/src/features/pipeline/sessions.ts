/** What goes on in the database around a task, in words: who works, who waits, for whom. */
import type { SessionOut } from "@/api/types";

/** Who it is: a task of ours, else the application where it says so, else the account. */
export function sessionName(s: SessionOut): string {
  const who = s.task !== null ? `Penstock's task ${s.task}` : s.application_name || s.username;
  return [who, `pid ${s.pid}`].filter(Boolean).join(", ");
}

const ROLE: Record<SessionOut["role"], string> = {
  own: "This task",
  holder: "Has Penstock's lock on this database",
  blocker: "In the way",
};
export const roleText = (s: SessionOut) =>
  s.certain ? ROLE[s.role] : `${ROLE[s.role]}, perhaps: the server does not tell for certain`;

/** What a server calls a wait, without its own "Waiting for". */
export const waitText = (waitsFor: string) => waitsFor.replace(/^waiting for /i, "");

/** The whole in one sentence. */
export function headline(sessions: SessionOut[]): string {
  const own = sessions.filter((s) => s.role === "own");
  const others = sessions.filter((s) => s.role !== "own");
  const waited = new Set(own.flatMap((s) => s.blocked_by));
  const ahead = others.filter((s) => s.role === "holder" || waited.has(s.pid));
  const names = (ahead.length ? ahead : others).map(sessionName).join(" and ");
  if (names) return own.length ? `This task waits for ${names}.` : `Not begun: ${names} is in the way.`;
  if (!own.length) return "This task has no session in the database right now.";
  if (own.every((s) => s.state === "idle"))
    return "Between two tries: this task waits for nothing right now.";
  const wait = own.map((s) => s.waits_for).find(Boolean);
  return wait ? `This task waits for: ${waitText(wait)}.` : "Nothing is in the way: this task works.";
}

/** The locks that explain something: those waited for, then those held; each said once. */
export function lockTexts(s: SessionOut): string[] {
  const sorted = [...s.locks].sort((a, b) => Number(a.granted) - Number(b.granted));
  const texts = sorted.map(({ kind, object, mode, granted }) => {
    const what = [mode, object ? `on ${object}` : kind].filter(Boolean).join(" ");
    return `${granted ? "holds" : "waits for"} ${what}`;
  });
  return [...new Set(texts)];
}
