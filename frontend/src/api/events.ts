/** The one event stream of this browser: who reads it, how it resumes, how other tabs hear it. Knows no queries. */

export type LinkState = "connecting" | "live" | "offline";
export type LiveEvent = { type: string; position: number | null; payload: unknown };
/** `opened`: the stream began just now, so what happened before may have been missed. */
export type StreamMessage =
  | { kind: "link"; state: LinkState; opened?: boolean }
  | { kind: "event"; event: LiveEvent };
type Source = Pick<EventSource, "addEventListener" | "close" | "readyState"> & {
  onopen: ((e: Event) => void) | null;
  onerror: ((e: Event) => void) | null;
};

export const EVENT_TYPES = [
  "PIPELINE_START",
  "PIPELINE_COMPLETE",
  "PIPELINE_SUCCESS",
  "PIPELINE_FAIL",
  "TASK_START",
  "TASK_COMPLETE",
  "TASK_SUCCESS",
  "TASK_FAIL",
  "TASK_CANCELING",
  "TASKS_RETRIED",
  "TASK_SETTLED",
  "ISSUE_CREATED",
  "ISSUE_UPDATED",
  "ISSUE_CANCELED",
  "ISSUE_REOPENED",
  "COMMENTED",
  "APPROVAL_REQUESTED",
  "APPROVED",
  "REJECTED",
  "PROMOTED",
  "STAGE_OPENED",
  "STAGE_CLOSED",
  "STAGE_SKIPPED",
  "STAGE_ADVANCED",
  "STAGE_BYPASSED",
  "CHECK_REPORTED",
  "CHECK_OVERRIDDEN",
  "PIPELINE_HELD",
  "PIPELINE_RESUMED",
  "SYNC_COMPLETE",
  "DRIFT_OPENED",
  "DRIFT_IGNORED",
  "DRIFT_ENDED",
  "STAGE_LIMITS_CHANGED",
  "PLUGIN_ERROR",
  "FROZEN",
  "THAWED",
  "ACCESS_CHANGED",
  "LOG_APPENDED",
] as const;

const CLOSED = 2;
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;

/** Where to resume: `after` is the last position that any tab heard. */
export function streamUrl(base: string, after: number | null): string {
  return after === null ? base : `${base}?after=${after}`;
}

/**
 * Listens to the stream until the answered function is called.
 *
 * A browser allows six HTTP/1.1 connections to a host, so a stream per tab would hang the seventh: the tab that holds the lock
 * reads it and broadcasts; when it closes, the next one resumes where it was. Without locks (plain http) every tab reads its own.
 * The browser itself reconnects with Last-Event-ID; where it gives up (an error answer), this tries again with growing pauses.
 */
export function listen(
  base: string,
  on: (message: StreamMessage) => void,
  open: (url: string) => Source = (url) => new EventSource(url, { withCredentials: true }),
): () => void {
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(`penstock:${base}`);
  const abort = new AbortController();
  let after: number | null = null;
  let state: LinkState = "connecting";

  const hear = (message: StreamMessage) => {
    if (message.kind === "event" && message.event.position !== null) after = message.event.position;
    if (message.kind === "link") state = message.state;
    on(message);
  };
  const tell = (message: StreamMessage) => {
    hear(message);
    channel?.postMessage(message);
  };

  let leading = false;
  if (channel)
    channel.onmessage = ({ data }) => {
      if (data === "hello") {
        if (leading) channel.postMessage({ kind: "link", state });
      } else hear(data as StreamMessage);
    };
  channel?.postMessage("hello");

  const lead = () =>
    new Promise<void>((release) => {
      leading = true;
      let source: Source | null = null;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let pause = FIRST_RETRY;
      const connect = () => {
        source = open(streamUrl(base, after));
        source.onopen = () => {
          pause = FIRST_RETRY;
          tell({ kind: "link", state: "live", opened: true });
        };
        source.onerror = () => {
          tell({ kind: "link", state: globalThis.navigator?.onLine === false ? "offline" : "connecting" });
          if (source?.readyState !== CLOSED) return;
          source.close();
          timer = setTimeout(connect, pause);
          pause = Math.min(pause * 2, LONGEST_RETRY);
        };
        for (const type of EVENT_TYPES)
          source.addEventListener(type, (raw) => {
            const { data, lastEventId } = raw as MessageEvent<string>;
            const position = type === "LOG_APPENDED" || lastEventId === "" ? null : Number(lastEventId);
            tell({ kind: "event", event: { type, position, payload: JSON.parse(data) } });
          });
      };
      connect();
      abort.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        source?.close();
        leading = false;
        release();
      });
    });

  const locks = globalThis.navigator?.locks;
  if (locks)
    locks.request(`penstock:${base}`, { signal: abort.signal }, lead).catch((error: unknown) => {
      if (!abort.signal.aborted) throw error;
    });
  else void lead();

  return () => {
    abort.abort();
    channel?.close();
  };
}
