import { completionSchema } from "./completion";

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
