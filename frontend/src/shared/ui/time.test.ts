import { ago, duration } from "./time";

const now = Date.parse("2026-11-21T12:00:00Z");

test.each([
  ["2026-11-21T11:59:58Z", "just now"],
  ["2026-11-21T11:59:10Z", "1 min. ago"],
  ["2026-11-21T11:45:00Z", "15 min. ago"],
  ["2026-11-21T09:00:00Z", "3 hr. ago"],
  ["2026-11-20T11:00:00Z", "yesterday"],
  ["2026-08-20T11:00:00Z", "3 mo. ago"],
  ["2026-11-21T12:00:30Z", "in moments"],
  ["2026-11-21T14:00:00Z", "in 2 hr."],
])("%s is %s", (iso, words) => {
  expect(ago(iso, now)).toBe(words);
});

test.each([
  ["2026-11-21T11:59:59.150Z", "850 ms"],
  ["2026-11-21T11:59:55.800Z", "4.2 s"],
  ["2026-11-21T11:59:18Z", "42 s"],
  ["2026-11-21T11:56:55Z", "3 m 05 s"],
  ["2026-11-21T09:50:00Z", "2 h 10 m"],
])("since %s took %s", (from, words) => {
  expect(duration(from, "2026-11-21T12:00:00Z")).toBe(words);
});
