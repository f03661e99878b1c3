/** What every SQL editor of the application shares: language, colours, keys. Loaded only where SQL is shown. */
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { nextToken, outside } from "./tokens";

/** Colours come from CSS variables, so light and dark need no rebuild. */
const look = EditorView.theme({
  "&": {
    fontSize: "12.5px",
    border: "1px solid var(--line)",
    borderRadius: "6px",
    background: "var(--surface-sunken)",
    color: "var(--mantine-color-text)",
  },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "1px" },
  ".cm-content": { caretColor: "var(--mantine-color-text)" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
  ".cm-gutters": { background: "transparent", color: "var(--mantine-color-dimmed)", border: "none" },
  ".cm-activeLine": { background: "color-mix(in srgb, var(--tone-run-bg) 35%, transparent)" },
  ".cm-activeLineGutter": { background: "transparent" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection":
    {
      background: "color-mix(in srgb, var(--tone-run-mark) 35%, transparent) !important",
    },
  ".cm-placeholder": { color: "var(--mantine-color-placeholder)" },
  ".cm-tooltip": { background: "var(--surface)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    background: "var(--surface-selected)",
    color: "var(--mantine-color-text)",
  },
  ".cm-changedLine": { background: "var(--diff-add) !important" },
  ".cm-deletedChunk": { background: "var(--diff-del) !important" },
  ".cm-deletedChunk .cm-deletedText, .cm-deletedChunk .cm-deletedText *": {
    color: "var(--tone-bad-fg)",
    background: "none !important",
    textDecoration: "line-through",
  },
  ".cm-deletedChunk *": { color: "var(--tone-bad-fg)" },
  ".cm-changedText": { background: "none !important", boxShadow: "inset 0 -2px var(--diff-add-strong)" },
  ".cm-collapsedLines": { color: "var(--mantine-color-dimmed)", background: "var(--tone-neutral-bg)" },
  ".cm-marked-failed, .cm-marked-error": { background: "var(--tone-bad-bg)" },
  ".cm-marked-warning": { background: "var(--tone-wait-bg)" },
  // Notes are as wide as what is in view, not as the longest line.
  ".cm-scroller": {
    containerType: "inline-size",
    fontFamily: "var(--mantine-font-family-monospace)",
    lineHeight: "1.6",
  },
  ".cm-note": {
    boxSizing: "border-box",
    maxWidth: "calc(100cqi - 48px)",
    padding: "2px 10px 4px",
    whiteSpace: "pre-wrap",
    fontFamily: "var(--mantine-font-family)",
    fontSize: "12.5px",
    color: "var(--tone-bad-fg)",
    background: "var(--tone-bad-bg)",
    borderLeft: "3px solid var(--tone-bad-mark)",
  },
  ".cm-note-warning": {
    color: "var(--tone-wait-fg)",
    background: "var(--tone-wait-bg)",
    borderLeftColor: "var(--tone-wait-mark)",
  },
  ".cm-note-step": {
    padding: "3px 10px 1px",
    fontSize: "11.5px",
    color: "var(--mantine-color-dimmed)",
    background: "none",
    borderLeft: "none",
    borderTop: "1px dashed var(--line)",
  },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--code-type)" },
  { tag: tags.comment, color: "var(--code-comment)" },
]);

const language = (mysql: boolean) =>
  StreamLanguage.define({
    name: mysql ? "mysql" : "postgres",
    startState: outside,
    copyState: (state) => ({ ...state }),
    token: (stream, state) => nextToken(stream, state, mysql),
    languageData: { commentTokens: { line: "--", block: { open: "/*", close: "*/" } } },
  });
const POSTGRES = language(false);
const MYSQL = language(true);

export function sqlBasics(engine: string | null): Extension[] {
  const mysql = engine === "mysql" || engine === "mariadb";
  return [lineNumbers(), mysql ? MYSQL : POSTGRES, syntaxHighlighting(colours), look];
}

/** An editor that shows and does not change; it stays reachable by keyboard. */
export function readOnly(label: string): Extension[] {
  return [
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({
      "aria-label": label,
      "aria-readonly": "true",
      role: "textbox",
      tabindex: "0",
    }),
  ];
}
