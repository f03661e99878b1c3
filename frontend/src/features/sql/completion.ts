/** What to offer while SQL is written: the tables and columns of a synced schema, and keywords. */
import type { SchemaOut } from "@/api/types";
import { KEYWORDS, TYPES } from "./words";

export type Tables = Record<string, string[]>;
export type Offer = { label: string; type: "table" | "property" | "keyword"; detail?: string };

export function completionSchema(schema: SchemaOut | undefined): Tables | undefined {
  if (!schema) return undefined;
  const tables: Tables = {};
  for (const namespace of schema.schemas)
    for (const relation of namespace.relations ?? []) {
      const plain = namespace.name === "public" || schema.schemas.length === 1;
      tables[plain ? relation.name : `${namespace.name}.${relation.name}`] = (relation.columns ?? []).map(
        (c) => c.name,
      );
    }
  return tables;
}

/** After `orders.` its columns; else tables, the columns of tables that the text names, and keywords. */
export function offers(tables: Tables, text: string, before: string): Offer[] {
  const owner = /([A-Za-z_][\w.]*)\.\w*$/.exec(before)?.[1];
  const columns = (table: string): Offer[] =>
    (tables[table] ?? []).map((label) => ({ label, type: "property", detail: table }));
  if (owner && tables[owner]) return columns(owner);
  const named = new Set(text.match(/[A-Za-z_][\w.]*/g) ?? []);
  const mentioned = Object.keys(tables).filter((t) => named.has(t));
  return [
    ...Object.keys(tables).map((label): Offer => ({ label, type: "table" })),
    ...mentioned.flatMap(columns),
    ...[...KEYWORDS, ...TYPES].map((word): Offer => ({ label: word.toUpperCase(), type: "keyword" })),
  ];
}
