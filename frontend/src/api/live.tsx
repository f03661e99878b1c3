import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { API } from "./client";
import { type LinkState, listen } from "./events";
import { grownLog, joinKeys, staleKeys } from "./invalidation";

type LogListener = (lastSeq: number) => void;
type Live = { link: LinkState; onLog: (run: number, listener: LogListener) => () => void };

const LiveContext = createContext<Live>({ link: "connecting", onLog: () => () => {} });
const BATCH_MS = 250;
const PAUSE_MS = 1_000;

/**
 * Turns the event stream into invalidations. The first event of a quiet time shows after a quarter of a second; a burst, such as
 * a thousand tasks that end, asks once a second.
 */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [link, setLink] = useState<LinkState>("connecting");
  const logs = useRef(new Map<number, Set<LogListener>>());

  useEffect(() => {
    let pending: (readonly (string | number)[])[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wasLive = false;
    let flushed = 0;
    const flush = () => {
      timer = undefined;
      flushed = Date.now();
      const keys = joinKeys(pending);
      pending = [];
      for (const queryKey of keys) client.invalidateQueries({ queryKey });
    };
    const stop = listen(`${API}/events/stream`, (message) => {
      if (message.kind === "link") {
        setLink(message.state);
        // A stream that ends may mean that the session did: asking who we are leads to the sign-in.
        if (message.state !== "live" && wasLive) client.invalidateQueries({ queryKey: ["me"] });
        if (message.state === "live") wasLive = true;
        if (message.opened) {
          // Whatever was read before the stream began may be old, and logs have no position to resume from.
          client.invalidateQueries();
          for (const [, listeners] of logs.current)
            for (const tell of listeners) tell(Number.POSITIVE_INFINITY);
        }
        return;
      }
      const log = grownLog(message.event);
      if (log) for (const tell of logs.current.get(log.run) ?? []) tell(log.lastSeq);
      pending.push(...staleKeys(message.event));
      if (pending.length) timer ??= setTimeout(flush, Math.max(BATCH_MS, flushed + PAUSE_MS - Date.now()));
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client]);

  const onLog = useCallback((run: number, listener: LogListener) => {
    const all = logs.current;
    const listeners = all.get(run) ?? new Set();
    all.set(run, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (!listeners.size) all.delete(run);
    };
  }, []);

  const value = useMemo(() => ({ link, onLog }), [link, onLog]);
  return <LiveContext value={value}>{children}</LiveContext>;
}

export const useLive = () => useContext(LiveContext);
