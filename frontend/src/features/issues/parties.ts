/** Whom something waits for, in words: the server names parties by labels such as `role:workspace:dba`. */

const ROLES: Record<string, string> = {
  "project:owner": "a project owner",
  "project:releaser": "a releaser of the project",
  "project:developer": "a developer of the project",
  "workspace:dba": "a DBA",
  "workspace:admin": "an administrator",
};

/** `role:workspace:dba` → `a DBA`, `user:ana@example.com` → `ana@example.com`, `stage:dev` → `stage dev`. */
export function party(label: string): string {
  const bare = label.replace(/^role:/, "");
  const role = ROLES[bare];
  if (role) return role;
  const [kind, ...rest] = label.split(":");
  const value = rest.join(":");
  if (!value) return label;
  if (kind === "user" || kind === "person") return value;
  if (kind === "role") return value.split(":").pop() ?? value;
  return `${kind} ${value}`;
}

/** Tells whether a message names all of these parties already, so that nothing is said twice. */
export function toldAlready(message: string, labels: string[]): boolean {
  const text = message.toLowerCase();
  return labels.every((l) =>
    text.includes(
      party(l)
        .replace(/^(an?|stage|check) /, "")
        .toLowerCase(),
    ),
  );
}

/** `a`, `a or b`, `a, b or 3 more`. The caller's own label becomes `you`. */
export function parties(labels: string[], me?: { email: string | null }, shown = 3): string {
  const mine = me?.email ? `user:${me.email}` : null;
  const words = [...new Set(labels.map((l) => (l === mine || l === me?.email ? "you" : party(l))))];
  words.sort((a, b) => Number(b === "you") - Number(a === "you"));
  const cut =
    words.length > shown ? [...words.slice(0, shown - 1), `${words.length - shown + 1} more`] : words;
  return cut.length < 2 ? cut.join("") : `${cut.slice(0, -1).join(", ")} or ${cut.at(-1)}`;
}
