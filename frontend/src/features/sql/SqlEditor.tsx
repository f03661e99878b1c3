import { autocompletion, type CompletionContext, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, placeholder } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { offers, type Tables } from "./completion";
import { sqlBasics } from "./editor";
import classes from "./Sql.module.css";

type Props = {
  value: string;
  label: string;
  onChange: (text: string) => void;
  engine?: string | null;
  schema?: Tables | undefined;
  hint?: string;
  invalid?: boolean;
};

const NO_TABLES: Tables = {};

const complete = (tables: Tables) => (context: CompletionContext) => {
  const word = context.matchBefore(/\w+/);
  const dot = context.matchBefore(/\.\w*/);
  if (!word && !dot && !context.explicit) return null;
  const text = context.state.doc.toString();
  const before = context.state.doc.sliceString(Math.max(0, context.pos - 200), context.pos);
  return { from: word?.from ?? context.pos, options: offers(tables, text, before), validFor: /^\w*$/ };
};

/** SQL to write: highlighting, undo, completion of keywords and of the first target's tables. Escape, then Tab, leaves it. */
export function SqlEditor({
  value,
  label,
  onChange,
  engine = null,
  schema,
  hint = "",
  invalid = false,
}: Props) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView | null>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  const start = useRef(value);
  start.current = value;
  useEffect(() => {
    if (!host.current) return;
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: start.current,
        extensions: [
          ...sqlBasics(engine),
          history(),
          drawSelection(),
          highlightActiveLine(),
          autocompletion({ icons: false, override: [complete(schema ?? NO_TABLES)] }),
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
          placeholder(hint),
          EditorView.contentAttributes.of({ "aria-label": label, "aria-multiline": "true" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    editor.current = view;
    return () => {
      editor.current = null;
      view.destroy();
    };
  }, [engine, schema, label, hint]);

  // A value that came from elsewhere (an upload, a restored draft) replaces the text.
  useEffect(() => {
    const view = editor.current;
    if (view && view.state.doc.toString() !== value)
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
  }, [value]);
  return <div ref={host} className={classes.editor} data-invalid={invalid || undefined} />;
}
