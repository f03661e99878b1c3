import type { StatusOut } from "@/api/types";
import { byEnvironment, checkLook, databaseWord, webLink } from "./checkWords";

const report = (id: number, environment: string) => ({ id, environment }) as StatusOut;

test("every state has a word of its own and a known look", () => {
  const states = ["success", "failure", "error", "pending", "missing"] as const;
  expect(new Set(states.map((s) => checkLook(s).label)).size).toBe(5);
  expect(checkLook("success").status).toBe("succeeded");
});

test("reports are shown by environment, the newest first", () => {
  const [first, second] = byEnvironment([report(3, "staging"), report(2, "dev"), report(1, "staging")]);
  expect(first?.[0]).toBe("staging");
  expect(first?.[1].map((r) => r.id)).toEqual([3, 1]);
  expect(second?.[0]).toBe("dev");
});

test("a database is named without its instance", () => {
  expect(databaseWord({ database: "pg-dev/shop_dev" })).toBe("shop_dev");
  expect(databaseWord({ database: null })).toBe("all databases");
});

test("only links to the web are offered", () => {
  expect(webLink("https://ci.example.com/1")).toBe("https://ci.example.com/1");
  expect(webLink("javascript:alert(1)")).toBeNull();
  expect(webLink(null)).toBeNull();
});
