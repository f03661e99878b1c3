import type { QueryClient } from "@tanstack/react-query";

const TOUCHED = new Set(["task", "tasks", "pipeline", "issue", "activity", "sessions"]);

/** Reads again what an action on a task may have changed, without waiting for the event stream. */
export const afterTask = (client: QueryClient) =>
  client.invalidateQueries({ predicate: (q) => TOUCHED.has(String(q.queryKey[0])) });
