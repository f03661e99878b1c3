import { completionSchema, offers } from "./completion";

const column = (name: string) => ({ name, type: "text", position: 1, nullable: true });

test("public tables go by their name, others by schema and name", () => {
  const schemas = [
    {
      name: "public",
      relations: [{ name: "orders", kind: "table" as const, columns: [column("id"), column("total")] }],
    },
    { name: "audit", relations: [{ name: "log", kind: "table" as const }] },
  ];
  expect(completionSchema({ database: 1, synced_at: "", fingerprint: "", schemas })).toEqual({
    orders: ["id", "total"],
    "audit.log": [],
  });
  expect(completionSchema(undefined)).toBeUndefined();
});

const tables = { orders: ["id", "total"], customers: ["email"] };

test("after a table and a dot, its columns", () => {
  expect(offers(tables, "", "SELECT orders.to").map((o) => o.label)).toEqual(["id", "total"]);
});

test("tables, then the columns of the tables that are named, then keywords", () => {
  const labels = offers(tables, "UPDATE orders SET ", "UPDATE orders SET ").map((o) => o.label);
  expect(labels.slice(0, 4)).toEqual(["orders", "customers", "id", "total"]);
  expect(labels).toContain("SELECT");
  expect(labels).not.toContain("email");
});
