import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import { ArrowDown, ArrowDownToLine, ArrowUp, Download, Search, WrapText } from "lucide-react";
import classes from "./LogView.module.css";

type Props = {
  state: "loading" | "live" | "ended";
  count: number;
  failures: number;
  matches: number;
  matchAt: number;
  text: string;
  follow: boolean;
  wrap: boolean;
  onText: (text: string) => void;
  onMatch: (step: 1 | -1) => void;
  onFailure: (step: 1 | -1) => void;
  onFollow: (on: boolean) => void;
  onWrap: (on: boolean) => void;
  onDownload: () => void;
};

const STATE = { loading: "Reading", live: "Live", ended: "Complete" };

export function LogToolbar(p: Props) {
  const found = p.text.trim() ? (p.matches ? `${p.matchAt + 1 || "–"}/${p.matches}` : "none") : "";
  return (
    <div className={classes.tools}>
      <span className={classes.state} data-state={p.state} role="status">
        {STATE[p.state]}
        <span className="num">
          {" "}
          · {p.count.toLocaleString()} {p.count === 1 ? "line" : "lines"}
        </span>
      </span>
      <TextInput
        aria-label="Search the log"
        placeholder="Search"
        className={classes.search}
        leftSection={<Search size={13} aria-hidden />}
        rightSection={found ? <span className={classes.found}>{found}</span> : undefined}
        rightSectionWidth={56}
        value={p.text}
        onChange={(e) => p.onText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "Enter") p.onMatch(e.shiftKey ? -1 : 1);
          if (e.key === "Escape") p.onText("");
        }}
      />
      <div className={classes.buttons}>
        {p.failures > 0 && (
          <>
            <span className={classes.failures}>
              {p.failures} {p.failures === 1 ? "failure" : "failures"}
            </span>
            <Tooltip label="Previous failure (p)">
              <ActionIcon aria-label="Previous failure" onClick={() => p.onFailure(-1)}>
                <ArrowUp size={15} />
              </ActionIcon>
            </Tooltip>
            <Tooltip label="Next failure (n)">
              <ActionIcon aria-label="Next failure" onClick={() => p.onFailure(1)}>
                <ArrowDown size={15} />
              </ActionIcon>
            </Tooltip>
          </>
        )}
        {p.state !== "ended" && (
          <Button
            variant={p.follow ? "light" : "subtle"}
            color={p.follow ? undefined : "gray"}
            size="compact-xs"
            aria-pressed={p.follow}
            leftSection={<ArrowDownToLine size={13} aria-hidden />}
            onClick={() => p.onFollow(!p.follow)}
          >
            Follow
          </Button>
        )}
        <Button
          variant={p.wrap ? "light" : "subtle"}
          color={p.wrap ? undefined : "gray"}
          size="compact-xs"
          aria-pressed={p.wrap}
          leftSection={<WrapText size={13} aria-hidden />}
          onClick={() => p.onWrap(!p.wrap)}
        >
          Wrap
        </Button>
        <Tooltip label="Download the log">
          <ActionIcon aria-label="Download the log" onClick={p.onDownload}>
            <Download size={15} />
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}
