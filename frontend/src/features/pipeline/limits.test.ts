import { toLimit } from "./limits";

test.each([
  ["", null],
  [0, null],
  [3, 3],
  ["7", 7],
  [2.9, 2],
  ["many", null],
])("%j is the limit %j", (value, limit) => {
  expect(toLimit(value)).toBe(limit);
});
