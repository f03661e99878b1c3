/** Where to go after signing in: only a path of this site, so that a crafted link cannot lead away. */
export function safeNext(next: unknown): string | undefined {
  if (typeof next !== "string" || !next.startsWith("/") || /^\/[/\\]/.test(next)) return undefined;
  const strange = [...next].some((c) => c === "\\" || c < " ");
  if (next.startsWith("/login") || strange) return undefined;
  return next;
}
