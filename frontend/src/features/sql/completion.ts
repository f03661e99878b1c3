/** The tables and columns of a synced schema, for completion while writing SQL. */
import type { SchemaOut } from "@/api/types";

export function completionSchema(schema: SchemaOut | undefined): Record<string, string[]> | undefined {
  if (!schema) return undefined;
  const tables: Record<string, string[]> = {};
  for (const namespace of schema.schemas)
    for (const relation of namespace.relations ?? []) {
      const plain = namespace.name === "public" || schema.schemas.length === 1;
      tables[plain ? relation.name : `${namespace.name}.${relation.name}`] = (relation.columns ?? []).map(
        (c) => c.name,
      );
    }
  return tables;
}
