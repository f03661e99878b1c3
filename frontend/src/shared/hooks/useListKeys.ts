import { useEffect, useState } from "react";
import { useCommands } from "@/app/commands";

type Options = {
  keys: (string | number)[];
  onOpen: (index: number) => void;
  onMark?: (index: number) => void;
};

/** `j`/`k` move through a list, Enter opens, `x` marks, Esc lets go. Answers the active key. */
export function useListKeys({ keys, onOpen, onMark }: Options): string | number | undefined {
  const [active, setActive] = useState<string | number>();
  const at = active === undefined ? -1 : keys.indexOf(active);
  const go = (index: number) => {
    const key = keys[Math.max(0, Math.min(keys.length - 1, index))];
    if (key === undefined) return;
    setActive(key);
    document.querySelector(`[data-row="${CSS.escape(String(key))}"]`)?.scrollIntoView({ block: "nearest" });
  };
  useCommands(
    [
      { id: "list-next", label: "Next row", group: "List", keys: "j", run: () => go(at + 1) },
      { id: "list-previous", label: "Previous row", group: "List", keys: "k", run: () => go(at - 1) },
      ...(at >= 0
        ? [
            { id: "list-open", label: "Open the row", group: "List", keys: "Enter", run: () => onOpen(at) },
            {
              id: "list-leave",
              label: "Leave the list",
              group: "List",
              keys: "Escape",
              run: () => setActive(undefined),
            },
          ]
        : []),
      ...(at >= 0 && onMark
        ? [{ id: "list-mark", label: "Mark the row", group: "List", keys: "x", run: () => onMark(at) }]
        : []),
    ],
    `${at} ${keys.join(",")}`,
  );
  useEffect(() => {
    if (active !== undefined && !keys.includes(active)) setActive(undefined);
  }, [active, keys]);
  return active;
}
