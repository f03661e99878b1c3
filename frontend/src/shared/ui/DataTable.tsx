import type { ReactNode } from "react";
import classes from "./DataTable.module.css";

export type Column<Row> = {
  key: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** Hidden below this width: what a phone cannot show next to the name. */
  from?: "sm" | "md" | "lg";
  align?: "right";
  width?: string;
};

type Props<Row> = {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string | number;
  /** A click anywhere on the row; the first cell still holds the real link. */
  onOpen?: (row: Row) => void;
  activeKey?: string | number | undefined;
  markedKeys?: ReadonlySet<string | number>;
  dim?: (row: Row) => boolean;
};

/** A dense table: one line a row, narrow screens drop columns instead of squeezing them. */
export function DataTable<Row>(props: Props<Row>) {
  const { label, columns, rows, rowKey, onOpen, activeKey, markedKeys, dim } = props;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways on a phone must scroll by keyboard too
    <section className={classes.scroll} tabIndex={0} aria-label={`${label}, scrolls sideways`}>
      <table className={classes.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.key} scope="col" data-from={c.from} data-align={c.align} style={{ width: c.width }}>
                {c.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = rowKey(row);
            return (
              <tr
                key={key}
                data-row={key}
                data-active={key === activeKey || undefined}
                data-marked={markedKeys?.has(key) || undefined}
                data-dim={dim?.(row) || undefined}
                data-clickable={onOpen ? true : undefined}
                onClick={(event) => {
                  const target = event.target as HTMLElement;
                  if (!onOpen || target.closest("a, button, input, label, [role=menuitem]")) return;
                  if (window.getSelection()?.toString()) return;
                  onOpen(row);
                }}
              >
                {columns.map((c) => (
                  <td key={c.key} data-from={c.from} data-align={c.align}>
                    {c.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
