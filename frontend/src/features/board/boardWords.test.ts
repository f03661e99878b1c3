import type { PromotionPreview } from "@/api/types";
import { ahead, pending, refused, standing, targetsOf } from "./boardWords";

const current = { version: "v1", release: 3, digest: "sha256:0", applied_at: "2026-01-01T00:00:00Z" };

test.each([
  [{ current: null, behind: 0 }, "Nothing applied yet"],
  [{ current: null, behind: 2 }, "2 behind"],
  [{ current, behind: 0 }, "Up to date"],
  [{ current, behind: 1 }, "1 behind"],
])("a database stands %j", (database, words) => {
  expect(standing(database)).toBe(words);
});

test("what could go on says how much and where it is missing", () => {
  const next = {
    release: 3,
    digest: "sha256:0",
    changes: 1,
    applied_at: "2026-01-01T00:00:00Z",
    databases: 1,
    missing: 12,
    issue: null,
  };
  expect(ahead(next, "Production")).toBe("1 change · missing on 12 databases in Production");
});

test("all databases are an environment, some are named", () => {
  const databases = [{ id: 1 }, { id: 2 }, { id: 3 }];
  expect(targetsOf("prod", databases, new Set())).toEqual({ environment: "prod" });
  expect(targetsOf("prod", databases, new Set([2]))).toEqual({ databases: [1, 3] });
});

const preview = (over: Partial<PromotionPreview>): PromotionPreview => ({
  allowed: true,
  refusals: [],
  release: 3,
  digest: "sha256:0",
  source: "dev",
  sources: [],
  target: "staging",
  databases: [],
  changes: [],
  blockers: [],
  approvals: [],
  ...over,
});

test("what would run counts what is missing, not what is there", () => {
  const databases = [1, 0, 2].map((n, id) => ({ id, instance: "pg", name: `d${id}`, pending: n }));
  const changes = [2, 1, 0].map((n, id) => ({ version: String(id), name: "", digest: "", pending: n }));
  expect(pending(preview({ databases, changes }))).toBe("2 changes would run on 2 databases.");
  expect(pending(preview({}))).toMatch(/nothing would run/);
});

test("a refusal is said when the button is pressed all the same", () => {
  expect(refused(undefined)).toMatch(/Wait/);
  expect(refused(preview({}))).toBeUndefined();
  const refusals = [
    { status: 409, code: "already_planned", message: "Issue 7 does it.", issue: 7, stage: "staging" },
    { status: 409, code: "blocked", message: "A check failed.", issue: null, stage: null },
  ];
  expect(refused(preview({ allowed: false, refusals }))).toBe("Issue 7 does it. A check failed.");
});
