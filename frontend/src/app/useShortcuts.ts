import { useEffect, useRef } from "react";
import { currentCommands, matchKeys, typing } from "./commands";

const FORGET_MS = 1_200;

/** Runs commands from the keyboard: one listener for the whole application. */
export function useShortcuts(openPalette: () => void) {
  const prefix = useRef("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (event.defaultPrevented || typing(event.target)) return;
      const match = matchKeys(currentCommands(), event, prefix.current);
      prefix.current = match.prefix;
      clearTimeout(timer);
      if (match.prefix) timer = setTimeout(() => (prefix.current = ""), FORGET_MS);
      if (!match.command) return;
      event.preventDefault();
      match.command.run();
    };
    window.addEventListener("keydown", onKey);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("keydown", onKey);
    };
  }, [openPalette]);
}
