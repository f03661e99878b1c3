import type { ReleaseOut } from "@/api/types";

/** A release as one text, so that two revisions can be compared: a heading line per change when there are several. */
export function releaseText(release: Pick<ReleaseOut, "changes">): string {
  if (release.changes.length === 1) return release.changes[0]?.statement ?? "";
  return release.changes
    .map((c) => `-- ${c.version} ${c.name}`.trimEnd().concat("\n", c.statement.trimEnd(), "\n"))
    .join("\n");
}
