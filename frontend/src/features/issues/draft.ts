/** The draft of a new change: what it holds, what it still misses, what it sends. Kept in the browser until it is filed. */
import type { NewChange, NewIssue, ReleaseOut } from "@/api/types";

/** `kept` is what a change has beside what the editor shows. */
export type DraftChange = {
  key: number;
  version: string;
  name: string;
  statement: string;
  kept?: Pick<NewChange, "engine" | "environments" | "verify" | "revert">;
};
export type Draft = {
  project: string;
  databases: number[];
  /** Slug of a database group, instead of databases. */
  group: string;
  title: string;
  description: string;
  changes: DraftChange[];
};
export type Step = 1 | 2 | 3;
export type Missing = { step: Step; field: string; message: string };

export const DRAFT_KEY = "penstock.draft.change";
export const emptyChange = (key = 1): DraftChange => ({ key, version: "", name: "", statement: "" });
export const emptyDraft = (): Draft => ({
  project: "",
  databases: [],
  group: "",
  title: "",
  description: "",
  changes: [emptyChange()],
});

const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/** What stands between this draft and filing it, in the order of the steps. */
export function missing(draft: Draft): Missing[] {
  const out: Missing[] = [];
  const say = (step: Step, field: string, message: string) => out.push({ step, field, message });
  if (!draft.project) say(1, "project", "Choose the project that owns the databases.");
  else if (!draft.databases.length && !draft.group)
    say(1, "databases", "Choose at least one database, or a database group.");
  if (!draft.title.trim()) say(2, "title", "Give the change a title.");
  const seen = new Set<string>();
  draft.changes.forEach((change, at) => {
    const which = draft.changes.length > 1 ? `Change ${at + 1}` : "The change";
    if (!change.statement.trim()) say(2, `changes.${at}.statement`, `${which} has no SQL yet.`);
    const version = change.version.trim();
    if (draft.changes.length > 1 && !version) say(2, `changes.${at}.version`, `${which} needs a version.`);
    if (version && !VERSION.test(version))
      say(2, `changes.${at}.version`, `${which}: a version has letters, digits and . _ + - only.`);
    if (version && seen.has(version))
      say(2, `changes.${at}.version`, `${which}: version ${version} is used twice.`);
    seen.add(version);
  });
  return out;
}

/** The steps before and including `step` that are not complete. */
export const missingUpTo = (draft: Draft, step: Step) => missing(draft).filter((m) => m.step <= step);

/** One unnamed script is the short form; everything else is a release of changes. */
export function toChanges(changes: DraftChange[]) {
  const only = changes.length === 1 ? changes[0] : undefined;
  if (only && !only.version.trim() && !only.name.trim()) return { statement: only.statement };
  return {
    changes: changes.map((c) => ({
      version: c.version.trim() || null,
      name: c.name.trim(),
      statement: c.statement,
    })),
  };
}

export function toIssue(draft: Draft): NewIssue {
  const sql = toChanges(draft.changes);
  return {
    project: draft.project,
    title: draft.title.trim(),
    description: draft.description,
    ...("statement" in sql ? { statement: sql.statement } : { release: { changes: sql.changes ?? [] } }),
    targets: draft.group ? { group: draft.group } : { databases: draft.databases },
  };
}

/** The changes of a release, to be edited. */
export const fromRelease = (release: Pick<ReleaseOut, "changes">): DraftChange[] =>
  release.changes.map(({ version, name, statement, engine, environments, verify, revert }, i) => ({
    key: i + 1,
    version,
    name,
    statement,
    kept: { engine: engine as NewChange["engine"], environments, verify, revert },
  }));

/** What takes a release's place: each change with what belongs to it, wherever it stands now. */
export const toRevision = (changes: DraftChange[]): NewChange[] =>
  changes.map((c) => ({
    ...c.kept,
    version: c.version.trim() || null,
    name: c.name.trim(),
    statement: c.statement,
  }));

/** `V2026_03__add_currency.sql` → version `2026_03`, name `add_currency`; other names become the name. */
export function fromFile(filename: string, statement: string, key: number): DraftChange {
  const bare = filename.replace(/\.(sql|pgsql|ddl|txt)$/i, "");
  const flyway = /^[Vv]([A-Za-z0-9][A-Za-z0-9.+-]*(?:_[A-Za-z0-9.+-]+)*)__(.+)$/.exec(bare);
  if (flyway) return { key, version: flyway[1] ?? "", name: flyway[2] ?? "", statement };
  const numbered = /^(\d[\d.]*)[-_ ]+(.+)$/.exec(bare);
  if (numbered) return { key, version: numbered[1] ?? "", name: numbered[2] ?? "", statement };
  return { key, version: "", name: bare, statement };
}

/** Adds uploaded files in name order with numbers compared as numbers; they replace a still empty first change. */
export function addFiles(changes: DraftChange[], files: { name: string; text: string }[]): DraftChange[] {
  const kept = changes.filter((c) => c.statement.trim() || c.version || c.name);
  let key = Math.max(0, ...changes.map((c) => c.key));
  const sorted = [...files].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return [...kept, ...sorted.map((f) => fromFile(f.name, f.text, ++key))];
}

/** Reads a stored draft; anything that is not one becomes an empty draft rather than a broken page. */
export function readDraft(stored: string | null): Draft {
  if (!stored) return emptyDraft();
  try {
    const raw = JSON.parse(stored) as Partial<Draft>;
    const changes = Array.isArray(raw.changes) && raw.changes.length ? raw.changes : [emptyChange()];
    return {
      ...emptyDraft(),
      ...raw,
      group: typeof raw.group === "string" ? raw.group : "",
      databases: Array.isArray(raw.databases) ? raw.databases.filter((d) => Number.isInteger(d)) : [],
      changes: changes.map((c, i) => ({ ...emptyChange(i + 1), ...c, key: i + 1 })),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return emptyDraft();
    throw error;
  }
}

export const isBlank = (draft: Draft) =>
  !draft.title &&
  !draft.description &&
  !draft.databases.length &&
  !draft.group &&
  draft.changes.every((c) => !c.statement.trim());
