import { TextInput } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight, Columns3, Eye, KeyRound, ListTree, Search, Table2 } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import type { SchemaNamespace } from "@/api/types";
import classes from "./SchemaTree.module.css";
import { columnText, schemaRows, type TreeRow } from "./schemaTree";

const KIND: Record<string, string> = {
  table: "",
  partitioned_table: "partitioned",
  view: "view",
  materialized_view: "materialized view",
  foreign_table: "foreign table",
  sequence: "sequence",
};

function Row({ row, onToggle }: { row: TreeRow; onToggle: (id: string) => void }) {
  if (row.kind === "schema" || row.kind === "relation") {
    const Chevron = row.open ? ChevronDown : ChevronRight;
    const schema = row.kind === "schema";
    const Icon = schema ? ListTree : row.relation.kind.endsWith("view") ? Eye : Table2;
    return (
      <button
        type="button"
        className={classes.branch}
        aria-expanded={row.open}
        onClick={() => onToggle(schema ? `-${row.id}` : row.id)}
      >
        <Chevron size={14} aria-hidden />
        <Icon size={14} aria-hidden className={classes.icon} />
        <span className={schema ? classes.schema : classes.relation}>
          {schema ? row.schema.name : row.relation.name}
        </span>
        <span className={classes.quiet}>
          {schema
            ? `${row.count} ${row.count === 1 ? "object" : "objects"}`
            : [KIND[row.relation.kind], `${row.relation.columns?.length ?? 0} columns`, row.relation.comment]
                .filter(Boolean)
                .join(" · ")}
        </span>
      </button>
    );
  }
  if (row.kind === "column")
    return (
      <div className={classes.leaf}>
        {row.primary ? (
          <KeyRound size={13} aria-label="primary key" className={classes.icon} />
        ) : (
          <Columns3 size={13} aria-hidden className={classes.icon} />
        )}
        <span className="mono">{row.column.name}</span>
        <span className={classes.quiet}>
          {columnText(row.column)}
          {row.column.comment && ` · ${row.column.comment}`}
        </span>
      </div>
    );
  return (
    <div className={classes.leaf}>
      <span className={classes.kind}>{row.label}</span>
      <span className="mono">{row.name}</span>
      {row.note && <span className={classes.note}>{row.note}</span>}
      <span className={`${classes.quiet} mono`} title={row.definition}>
        {row.definition}
      </span>
    </div>
  );
}

/** Schemas, tables, columns, indexes and constraints of the newest snapshot, searched by name and type. */
export function SchemaTree({ schemas }: { schemas: SchemaNamespace[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => schemaRows(schemas, search, open), [schemas, search, open]);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => 30,
    overscan: 20,
    initialRect: { width: 800, height: 600 },
    getItemKey: (at) => rows[at]?.id ?? at,
  });
  const toggle = (id: string) =>
    setOpen(open.has(id) ? new Set([...open].filter((o) => o !== id)) : new Set([...open, id]));
  return (
    <div className={classes.tree}>
      <TextInput
        aria-label="Search the schema"
        placeholder="Search tables, columns, types, indexes"
        leftSection={<Search size={14} aria-hidden />}
        value={search}
        onChange={(e) => setSearch(e.currentTarget.value)}
      />
      {/* biome-ignore lint/a11y/useSemanticElements: a scrolling region with a name */}
      <div
        ref={box}
        className={classes.box}
        role="region"
        aria-label="Tables and columns"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that can scroll must be reachable by keyboard
        tabIndex={0}
      >
        {rows.length === 0 && <p className={classes.nothing}>Nothing matches “{search}”.</p>}
        <div style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return row ? (
              <div
                key={item.key}
                className={classes.row}
                style={{ transform: `translateY(${item.start}px)`, paddingLeft: row.depth * 20 }}
              >
                <Row row={row} onToggle={toggle} />
              </div>
            ) : null;
          })}
        </div>
      </div>
    </div>
  );
}
