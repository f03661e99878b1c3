/** Where to go after signing in: only a path of this site, so that a crafted link cannot lead away. */
export function safeNext(next: unknown): string | undefined {
  if (typeof next !== "string" || !next.startsWith("/") || /^\/[/\\]/.test(next)) return undefined;
  if (next.startsWith("/login") || /[\u0000-\u001f\\]/.test(next)) return undefined;
  return next;
}
