import { EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";
import { useEffect, useMemo, useRef } from "react";
import { readOnly, sqlBasics } from "./editor";
import { type LineMark, orderMarks } from "./marks";
import classes from "./Sql.module.css";

type Props = {
  value: string;
  label: string;
  engine?: string | null;
  marks?: LineMark[];
};
const NONE: LineMark[] = [];

class Note extends WidgetType {
  constructor(
    readonly text: string,
    readonly kind: string,
  ) {
    super();
  }

  eq(other: Note) {
    return other.text === this.text && other.kind === this.kind;
  }

  toDOM() {
    const note = document.createElement("div");
    note.className = `cm-note cm-note-${this.kind}`;
    note.textContent = this.text;
    return note;
  }
}

function decorate(doc: EditorState["doc"], marks: LineMark[]): Extension {
  const ranges = orderMarks(marks, doc.lines).flatMap((mark) => {
    const line = doc.line(mark.line);
    if (mark.kind === "step")
      return [
        Decoration.widget({ widget: new Note(mark.message, mark.kind), block: true, side: -1 }).range(
          line.from,
        ),
      ];
    const place = mark.column ? `Column ${mark.column}: ` : "";
    return [
      Decoration.line({ class: `cm-marked-${mark.kind}` }).range(line.from),
      Decoration.widget({ widget: new Note(place + mark.message, mark.kind), block: true, side: 1 }).range(
        line.to,
      ),
    ];
  });
  return EditorView.decorations.of(Decoration.set(ranges, true));
}

/** SQL to read; lines that failed or that review found something in are marked, with the message below; cuts stand above. */
export function SqlView({ value, label, engine = null, marks = NONE }: Props) {
  const host = useRef<HTMLDivElement>(null);
  // Marks are rebuilt by every render of the page around; only other marks rebuild the editor.
  const key = JSON.stringify(marks);
  const stable = useMemo(() => JSON.parse(key) as LineMark[], [key]);
  useEffect(() => {
    if (!host.current) return;
    const doc = EditorState.create({ doc: value }).doc;
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc,
        extensions: [
          ...sqlBasics(engine),
          EditorState.readOnly.of(true),
          ...readOnly(label),
          decorate(doc, stable),
        ],
      }),
    });
    const failed = stable.find((m) => m.kind === "failed");
    if (failed) {
      // Scrolls inside the box only: the page must not jump to the SQL because a task failed.
      const at = doc.line(Math.min(Math.max(failed.line, 1), doc.lines)).from;
      view.requestMeasure({
        read: (v) => v.lineBlockAt(at).top - v.scrollDOM.clientHeight / 2,
        write: (top, v) => {
          v.scrollDOM.scrollTop = Math.max(0, top);
        },
      });
    }
    return () => view.destroy();
  }, [value, label, engine, stable]);
  return <div ref={host} className={classes.view} />;
}
