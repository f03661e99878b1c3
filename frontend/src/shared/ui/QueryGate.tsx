import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { ErrorPanel } from "./ErrorPanel";

/** True once `waiting` has lasted 200 ms: quick answers never flash a skeleton. */
export function useLate(waiting: boolean, ms = 200): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!waiting) return;
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [waiting, ms]);
  return waiting && late;
}

type Props<T> = {
  query: Pick<UseQueryResult<T>, "data" | "error" | "isPending" | "refetch">;
  skeleton: ReactNode;
  children: (data: T) => ReactNode;
};

/** Skeleton, error, data: an error keeps what was read before below it. */
export function QueryGate<T>({ query, skeleton, children }: Props<T>) {
  const late = useLate(query.isPending);
  return (
    <>
      {query.error && <ErrorPanel error={query.error} retry={() => void query.refetch()} />}
      {late && (
        <div aria-busy="true">
          <span className="visually-hidden" role="status">
            Loading
          </span>
          {skeleton}
        </div>
      )}
      {query.data !== undefined && children(query.data)}
    </>
  );
}
