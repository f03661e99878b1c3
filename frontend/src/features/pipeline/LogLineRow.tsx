import type { Ref } from "react";
import type { LogLine } from "@/api/types";
import classes from "./LogView.module.css";
import { splitMatches } from "./logSearch";

type Props = {
  ref: Ref<HTMLDivElement>;
  index: number;
  start: number;
  line: LogLine;
  search: string;
  target: boolean;
  current: boolean;
  href: string;
  onAnchor: () => void;
};

const LEVEL: Record<string, string> = { error: "error", warning: "warn" };
const clock = (iso: string) => new Date(iso).toLocaleTimeString("en-GB", { hour12: false });

/** One line: its address, its time, its level as a word, its text with matches marked. */
export function LogLineRow({ ref, index, start, line, search, target, current, href, onAnchor }: Props) {
  return (
    <div
      ref={ref}
      data-index={index}
      className={classes.line}
      data-level={line.level}
      data-target={target || undefined}
      data-current={current || undefined}
      style={{ transform: `translateY(${start}px)` }}
    >
      <a
        className={classes.number}
        href={href}
        aria-label={`Line ${line.seq}`}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          onAnchor();
        }}
      >
        {line.seq}
      </a>
      <span className={classes.time}>{clock(line.at)}</span>
      {LEVEL[line.level] && <span className={classes.level}>{LEVEL[line.level]}</span>}
      <code className={classes.text}>
        {splitMatches(line.text, search).map((part) =>
          part.hit ? <mark key={part.at}>{part.text}</mark> : <span key={part.at}>{part.text}</span>,
        )}
      </code>
    </div>
  );
}
