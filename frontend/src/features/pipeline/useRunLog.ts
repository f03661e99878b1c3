import { useEffect, useRef, useState } from "react";
import { pipelines } from "@/api/endpoints";
import { useLive } from "@/api/live";
import type { LogLine } from "@/api/types";

export type RunLog = {
  lines: LogLine[];
  ended: boolean;
  loading: boolean;
  error: unknown;
  retry: () => void;
};

const EMPTY = { lines: [] as LogLine[], ended: false, loading: true, error: null as unknown };
const POLL_MS = 3_000;

/**
 * The log of one run: first what is stored, from the beginning, then what is added, told by LOG_APPENDED on the shared stream.
 * While the stream is down it asks every three seconds. `endedAt` changing makes it read the rest.
 */
export function useRunLog(run: number | null, endedAt: string | null): RunLog {
  const { link, onLog } = useLive();
  const [state, setState] = useState(EMPTY);
  const pump = useRef<() => void>(() => {});

  useEffect(() => {
    setState(EMPTY);
    if (run === null) return;
    const abort = new AbortController();
    let after = 0;
    let busy = false;
    let again = false;
    const read = async () => {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      try {
        do {
          again = false;
          for (;;) {
            const page = await pipelines.log(run, after, abort.signal);
            const fresh = page.items.filter((line) => line.seq > after);
            after = Math.max(after, page.next_after, fresh.at(-1)?.seq ?? 0);
            const dry = fresh.length === 0;
            setState((old) => ({
              lines: dry ? old.lines : old.lines.concat(fresh),
              ended: page.ended && dry,
              loading: !dry && old.loading,
              error: null,
            }));
            if (dry) break;
          }
        } while (again);
      } catch (error) {
        if (!abort.signal.aborted) setState((old) => ({ ...old, loading: false, error }));
      } finally {
        busy = false;
      }
    };
    pump.current = () => void read();
    void read();
    const leave = onLog(run, (lastSeq) => {
      if (lastSeq > after) void read();
    });
    return () => {
      abort.abort();
      leave();
      pump.current = () => {};
    };
  }, [run, onLog]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the end of the run is the reason to read again
  useEffect(() => pump.current(), [endedAt]);

  useEffect(() => {
    if (state.ended || link === "live" || run === null) return;
    const timer = setInterval(() => pump.current(), POLL_MS);
    return () => clearInterval(timer);
  }, [state.ended, link, run]);

  return { ...state, retry: () => pump.current() };
}
