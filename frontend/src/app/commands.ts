/** The one registry of what can be done from the keyboard: it feeds the palette, the help overlay and the shortcuts. */
import { useEffect, useSyncExternalStore } from "react";

export type Command = {
  id: string;
  label: string;
  group: string;
  /** One key, or two in sequence: `c`, `g i`. */
  keys?: string;
  run: () => void;
};

let commands: readonly Command[] = [];
const listeners = new Set<() => void>();

function change(next: readonly Command[]) {
  commands = next;
  for (const tell of listeners) tell();
}

/**
 * Adds commands until the answered function is called. A page's hide those of everywhere with the same id or keys, whichever
 * came first: React mounts a page before the shell around it.
 */
export function register(added: readonly Command[], layer: "page" | "everywhere" = "page"): () => void {
  change(layer === "page" ? [...commands, ...added] : [...added, ...commands]);
  return () => change(commands.filter((c) => !added.includes(c)));
}

export const currentCommands = () => commands;

function subscribe(tell: () => void) {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

/** All commands that can run on this page, the last registered winning. */
export function useCommandList(): Command[] {
  const all = useSyncExternalStore(subscribe, currentCommands);
  return [...new Map(all.map((c) => [c.id, c])).values()];
}

/** Offers commands while the component is mounted. `key` changes when they do. */
export function useCommands(list: readonly Command[], key: string, layer: "page" | "everywhere" = "page") {
  // biome-ignore lint/correctness/useExhaustiveDependencies: closures change on every render, `key` says when it matters
  useEffect(() => register(list, layer), [key, layer]);
}

type KeyLike = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

/** The command that a key completes, and the prefix to remember for the next key. */
export function matchKeys(
  all: readonly Command[],
  event: KeyLike,
  prefix: string,
): { command?: Command; prefix: string } {
  if (event.ctrlKey || event.metaKey || event.altKey) return { prefix: "" };
  const latest = [...all].reverse();
  const typed = prefix ? `${prefix} ${event.key}` : event.key;
  const command = latest.find((c) => c.keys === typed) ?? latest.find((c) => c.keys === event.key);
  if (command) return { command, prefix: "" };
  return { prefix: all.some((c) => c.keys?.startsWith(`${event.key} `)) ? event.key : "" };
}

/** Shortcuts are off where people type, and while a dialog is open. */
export function typing(target: EventTarget | null): boolean {
  const element = target instanceof HTMLElement ? target : null;
  if (!element) return false;
  const editable = element.closest(
    "input, textarea, select, [contenteditable=true], .cm-editor, [role=textbox]",
  );
  return editable !== null || document.querySelector("[role=dialog][aria-modal=true], [role=menu]") !== null;
}
