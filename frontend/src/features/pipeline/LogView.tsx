import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { useCommands } from "@/app/commands";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { LogLineRow } from "./LogLineRow";
import { LogToolbar } from "./LogToolbar";
import classes from "./LogView.module.css";
import { findFailures, findMatches, indexOfSeq, jump, logText } from "./logSearch";
import { useRunLog } from "./useRunLog";

type Props = {
  run: number;
  endedAt: string | null;
  name: string;
  anchor: number | undefined;
  href: (line: number) => string;
  onAnchor: (line: number) => void;
};

/** One run's log: only visible lines exist, it follows until the reader scrolls up, every line has an address. */
export function LogView({ run, endedAt, name, anchor, href, onAnchor }: Props) {
  const { lines, ended, loading, error, retry } = useRunLog(run, endedAt);
  const box = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(anchor === undefined);
  const [wrap, setWrap] = useState(false);
  const [text, setText] = useState("");
  const [cursor, setCursor] = useState(-1);
  const settled = useRef(false);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 24,
    overscan: 30,
    initialRect: { width: 800, height: 320 },
    getItemKey: (at) => lines[at]?.seq ?? at,
  });
  const matches = useMemo(() => findMatches(lines, text), [lines, text]);
  const failures = useMemo(() => findFailures(lines), [lines]);

  const show = (at: number | undefined) => {
    if (at === undefined || at < 0) return;
    setFollow(false);
    setCursor(at);
    rows.scrollToIndex(at, { align: "center" });
  };

  // Once: to the linked line, or to the last failure of a run that is over.
  useEffect(() => {
    if (settled.current || !lines.length) return;
    const linked = anchor === undefined ? -1 : indexOfSeq(lines, anchor);
    if (linked >= 0) {
      settled.current = true;
      setCursor(linked);
      rows.scrollToIndex(linked, { align: "center" });
    } else if (anchor === undefined && ended && failures.length) {
      settled.current = true;
      setFollow(false);
      rows.scrollToIndex(failures.at(-1) ?? 0, { align: "center" });
    }
  }, [lines, anchor, ended, failures, rows]);

  useEffect(() => {
    if (follow && lines.length) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, rows]);

  useCommands(
    failures.length
      ? [
          {
            id: "log-next",
            label: "Next failure in the log",
            group: "Log",
            keys: "n",
            run: () => show(jump(failures, cursor, 1)),
          },
          {
            id: "log-previous",
            label: "Previous failure in the log",
            group: "Log",
            keys: "p",
            run: () => show(jump(failures, cursor, -1)),
          },
        ]
      : [],
    `${run} ${cursor} ${failures.length} ${failures.at(-1)}`,
  );

  const download = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([logText(lines)], { type: "text/plain" }));
    link.download = `${name}.log`;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  return (
    <section aria-label="Task log" className={classes.log}>
      <LogToolbar
        state={ended ? "ended" : loading ? "loading" : "live"}
        count={lines.length}
        failures={failures.length}
        matches={matches.length}
        matchAt={matches.indexOf(cursor)}
        text={text}
        follow={follow}
        wrap={wrap}
        onText={setText}
        onMatch={(step) => show(jump(matches, cursor, step))}
        onFailure={(step) => show(jump(failures, cursor, step))}
        onFollow={setFollow}
        onWrap={setWrap}
        onDownload={download}
      />
      {error !== null && <ErrorPanel error={error} retry={retry} />}
      <div
        ref={box}
        className={classes.box}
        role="log"
        aria-label="Log lines"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that can scroll must be reachable by keyboard
        tabIndex={0}
        data-wrap={wrap || undefined}
        style={{ height: `clamp(120px, ${rows.getTotalSize() + 30}px, 380px)` }}
        onWheel={(e) => e.deltaY < 0 && setFollow(false)}
        onTouchMove={() => setFollow(false)}
        onKeyDown={(e) => ["PageUp", "ArrowUp", "Home"].includes(e.key) && setFollow(false)}
      >
        {!loading && lines.length === 0 && (
          <p className={classes.nothing}>
            {ended ? "This run wrote no log." : "Waiting for the first line…"}
          </p>
        )}
        <div className={classes.lines} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => {
            const line = lines[item.index];
            return line ? (
              <LogLineRow
                key={item.key}
                ref={rows.measureElement}
                index={item.index}
                start={item.start}
                line={line}
                search={text}
                target={line.seq === anchor}
                current={item.index === cursor}
                href={href(line.seq)}
                onAnchor={() => onAnchor(line.seq)}
              />
            ) : null;
          })}
        </div>
      </div>
    </section>
  );
}
