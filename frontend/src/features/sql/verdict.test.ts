import type { FindingOut } from "@/api/types";
import { step } from "@/test/samples";
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

test.each([
  [[], ""],
  [[step(0, true)], "Runs in one transaction"],
  [[step(0, false)], "Runs outside a transaction"],
  [[step(0, false, { undecidable: true })], "Runs outside a transaction, undecidable after a crash"],
  [[step(0, true), step(0, false), step(0, true)], "Runs in 3 steps, 1 of them outside a transaction"],
  [
    [step(0, false), step(0, false, { undecidable: true })],
    "Runs in 2 steps, 2 of them outside a transaction, 1 undecidable after a crash",
  ],
])("%j: %s", (steps, words) => {
  expect(stepsText(steps)).toBe(words);
});
