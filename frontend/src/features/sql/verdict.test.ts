import type { FindingOut } from "@/api/types";
import { sortFindings, stepsText, verdict } from "./verdict";

const found = (...severities: FindingOut["severity"][]) =>
  severities.map((severity, at) => ({ severity, line: 9 - at }));

test.each([
  [found(), "Safe: nothing found"],
  [found("info"), "Safe: 1 note"],
  [found("warning", "info", "warning"), "Needs attention: 2 warnings, 1 note"],
  [found("warning", "error"), "Blocked: 1 error, 1 warning"],
])("%j is %s", (findings, words) => {
  const { word, why } = verdict(findings);
  expect(`${word}: ${why}`).toBe(words);
});

test("the worst comes first, then the order of the script", () => {
  expect(
    sortFindings(found("info", "warning", "error", "warning")).map((f) => `${f.severity} ${f.line}`),
  ).toEqual(["error 7", "warning 6", "warning 8", "info 9"]);
});

const step = (transactional: boolean) => ({ index: 0, transactional, statements: [0] });
test.each([
  [[], ""],
  [[step(true)], "Runs in one transaction"],
  [[step(false)], "Runs outside a transaction"],
  [[step(true), step(false), step(true)], "Runs in 3 steps, 1 of them outside a transaction"],
])("%j: %s", (steps, words) => {
  expect(stepsText(steps)).toBe(words);
});
