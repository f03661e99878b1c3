/** The schema of a database as rows to show: what matches a search, and which branches are open. */
import type { SchemaColumn, SchemaNamespace, SchemaRelation } from "@/api/types";

export type TreeRow =
  | { kind: "schema"; id: string; depth: 0; schema: SchemaNamespace; open: boolean; count: number }
  | { kind: "relation"; id: string; depth: 1; relation: SchemaRelation; open: boolean }
  | { kind: "column"; id: string; depth: 2; column: SchemaColumn; primary: boolean }
  | { kind: "detail"; id: string; depth: 2; label: string; name: string; definition: string; note: string };

const has = (text: string | null | undefined, words: string[]) => {
  const low = (text ?? "").toLowerCase();
  return words.every((w) => low.includes(w));
};

function details(relation: SchemaRelation, at: string): TreeRow[] {
  const rows: TreeRow[] = (relation.columns ?? []).map((column) => ({
    kind: "column",
    id: `${at}.${column.name}`,
    depth: 2,
    column,
    primary: relation.primary_key?.includes(column.name) ?? false,
  }));
  for (const index of relation.indexes ?? [])
    rows.push({
      kind: "detail",
      id: `${at}#index.${index.name}`,
      depth: 2,
      label: index.primary ? "primary key" : index.unique ? "unique index" : "index",
      name: index.name,
      definition: index.definition,
      note: index.valid === false ? "invalid" : "",
    });
  for (const constraint of relation.constraints ?? []) {
    if (constraint.kind === "primary_key") continue;
    rows.push({
      kind: "detail",
      id: `${at}#constraint.${constraint.name}`,
      depth: 2,
      label: constraint.kind.replaceAll("_", " "),
      name: constraint.name,
      definition: constraint.definition,
      note: constraint.validated === false ? "not validated" : "",
    });
  }
  return rows;
}

const rowMatches = (row: TreeRow, words: string[]) =>
  row.kind === "column"
    ? has(`${row.column.name} ${row.column.type}`, words)
    : row.kind === "detail" && has(`${row.name} ${row.definition}`, words);

/**
 * Flattens the tree. Without a search, schemas are open and relations follow `open`; with one, only what matches is shown, and a
 * relation is opened when something inside it matches.
 */
export function schemaRows(schemas: SchemaNamespace[], search: string, open: ReadonlySet<string>): TreeRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const rows: TreeRow[] = [];
  for (const schema of schemas) {
    const inside: TreeRow[] = [];
    let count = 0;
    for (const relation of schema.relations ?? []) {
      const id = `${schema.name}.${relation.name}`;
      const all = details(relation, id);
      const named = has(`${schema.name}.${relation.name}`, words);
      const hits = words.length ? all.filter((r) => rowMatches(r, words)) : [];
      if (words.length && !named && !hits.length) continue;
      count += 1;
      const isOpen = open.has(id) !== hits.length > 0;
      inside.push({ kind: "relation", id, depth: 1, relation, open: isOpen });
      if (isOpen) inside.push(...(open.has(id) || !hits.length ? all : hits));
    }
    if (words.length && !count) continue;
    const folded = open.has(`-${schema.name}`);
    rows.push({ kind: "schema", id: schema.name, depth: 0, schema, open: !folded, count });
    if (!folded) rows.push(...inside);
  }
  return rows;
}

/** `numeric(10,2) · not null · default 0`. */
export function columnText(column: SchemaColumn): string {
  const parts = [column.type];
  if (!column.nullable) parts.push("not null");
  if (column.identity) parts.push(`identity ${column.identity.replaceAll("_", " ")}`);
  if (column.generated) parts.push(`generated: ${column.generated}`);
  if (column.default) parts.push(`default ${column.default}`);
  return parts.join(" · ");
}
