import { EditorState, RangeSetBuilder } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { readOnly, sqlBasics } from "./editor";
import classes from "./Sql.module.css";

export type LineMark = { line: number; column: number | null; message: string };
type Props = { value: string; label: string; engine?: string | null; mark?: LineMark | null };

class Note extends WidgetType {
  constructor(readonly text: string) {
    super();
  }

  eq(other: Note) {
    return other.text === this.text;
  }

  toDOM() {
    const note = document.createElement("div");
    note.className = "cm-failed-note";
    note.textContent = this.text;
    return note;
  }
}

function failed(state: EditorState, mark: LineMark) {
  const builder = new RangeSetBuilder<Decoration>();
  const line = state.doc.line(Math.min(Math.max(mark.line, 1), state.doc.lines));
  builder.add(line.from, line.from, Decoration.line({ class: "cm-failed" }));
  const place = mark.column ? `Column ${mark.column}: ` : "";
  builder.add(
    line.to,
    line.to,
    Decoration.widget({ widget: new Note(place + mark.message), block: true, side: 1 }),
  );
  return builder.finish();
}

/** SQL to read; where a task failed, the line is marked and the message stands below it. */
export function SqlView({ value, label, engine = null, mark = null }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const { line, column, message } = mark ?? { line: null, column: null, message: "" };
  useEffect(() => {
    if (!host.current) return;
    const state = EditorState.create({
      doc: value,
      extensions: [...sqlBasics(engine), EditorState.readOnly.of(true), ...readOnly(label)],
    });
    const marks = line === null ? null : failed(state, { line, column, message });
    const view = new EditorView({
      parent: host.current,
      state: marks
        ? EditorState.create({
            doc: value,
            extensions: [
              ...sqlBasics(engine),
              EditorState.readOnly.of(true),
              ...readOnly(label),
              EditorView.decorations.of(marks),
            ],
          })
        : state,
    });
    if (line !== null) {
      // Scrolls inside the box only: the page must not jump to the SQL because a task failed.
      const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines)).from;
      view.requestMeasure({
        read: (v) => v.lineBlockAt(at).top - v.scrollDOM.clientHeight / 2,
        write: (top, v) => {
          v.scrollDOM.scrollTop = Math.max(0, top);
        },
      });
    }
    return () => view.destroy();
  }, [value, label, engine, line, column, message]);
  return <div ref={host} className={classes.view} />;
}
