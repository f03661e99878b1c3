/** Every status of a drift, by itself: the shell reads addresses with it. */
export const STATUSES = ["open", "ignored", "accepted", "ended"] as const;
