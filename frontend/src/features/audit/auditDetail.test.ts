import { auditDetail } from "./auditDetail";

test.each([
  [{}, ""],
  [{ reason: "Black Friday", from_stage: "prod", gone: null }, "reason: Black Friday, from stage: prod"],
  [{ stages: ["a", "b"], count: 2 }, 'stages: ["a","b"], count: 2'],
])("%j", (data, text) => {
  expect(auditDetail(data)).toBe(text);
});
