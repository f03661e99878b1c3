import type { SchemaNamespace } from "@/api/types";
import { columnText, schemaRows } from "./schemaTree";

const column = (name: string, position: number, type = "text") => ({ name, type, position, nullable: true });
const schemas: SchemaNamespace[] = [
  {
    name: "public",
    relations: [
      {
        name: "orders",
        kind: "table",
        primary_key: ["id"],
        columns: [column("id", 1, "bigint"), column("total", 2, "numeric(10,2)")],
        indexes: [{ name: "orders_total_idx", definition: "CREATE INDEX … (total)", valid: false }],
        constraints: [
          { name: "orders_pkey", kind: "primary_key", definition: "PRIMARY KEY (id)" },
          { name: "orders_total_check", kind: "check", definition: "CHECK (total >= 0)", validated: false },
        ],
      },
      { name: "customers", kind: "view", columns: [column("email", 1)] },
    ],
  },
  { name: "audit", relations: [{ name: "log", kind: "table" }] },
];
const ids = (search: string, open: string[] = []) =>
  schemaRows(schemas, search, new Set(open)).map((r) => r.id);

test("schemas are open, relations closed, until they are opened", () => {
  expect(ids("")).toEqual(["public", "public.orders", "public.customers", "audit", "audit.log"]);
  expect(ids("", ["public.orders", "-audit"])).toEqual([
    "public",
    "public.orders",
    "public.orders.id",
    "public.orders.total",
    "public.orders#index.orders_total_idx",
    "public.orders#constraint.orders_total_check",
    "public.customers",
    "audit",
  ]);
});

test.each([
  ["customers", ["public", "public.customers"]],
  ["email", ["public", "public.customers", "public.customers.email"]],
  ["audit.log", ["audit", "audit.log"]],
  ["nothing", []],
])("a search for %j finds %j", (search, found) => {
  expect(ids(search)).toEqual(found);
});

test("a search inside a relation shows only the hits", () => {
  expect(ids("bigint")).toEqual(["public", "public.orders", "public.orders.id"]);
});

test("notes and columns in words", () => {
  const rows = schemaRows(schemas, "", new Set(["public.orders"]));
  expect(rows.flatMap((r) => (r.kind === "detail" ? [`${r.label}: ${r.note}`] : []))).toEqual([
    "index: invalid",
    "check: not validated",
  ]);
  expect(columnText({ ...column("a", 1, "int"), nullable: false, default: "0" })).toBe(
    "int · not null · default 0",
  );
});
