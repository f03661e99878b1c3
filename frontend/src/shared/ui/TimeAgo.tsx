import { useEffect, useState } from "react";
import { absolute, ago, duration } from "./time";

function useTick(ms: number | null) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (ms === null) return;
    const timer = setInterval(() => tick((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Relative time that keeps itself current; the absolute one, in the reader's zone, on hover. */
export function TimeAgo({ iso }: { iso: string }) {
  useTick(30_000);
  return (
    <time dateTime={iso} title={absolute(iso)}>
      {ago(iso)}
    </time>
  );
}

/** How long something took, or takes so far. */
export function Duration({ from, to }: { from: string; to: string | null }) {
  useTick(to ? null : 1_000);
  return <span className="num">{duration(from, to)}</span>;
}
