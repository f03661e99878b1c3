/** Where a repository's host sends its webhooks. */
export const hookAddress = (path: string) => `${window.location.origin}${path}`;
