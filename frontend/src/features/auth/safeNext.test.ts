import { safeNext } from "./safeNext";

test.each([
  ["/issues/3?task=1", "/issues/3?task=1"],
  ["/", "/"],
  ["//evil.example", undefined],
  ["/\\evil.example", undefined],
  ["https://evil.example", undefined],
  ["/login?next=/login", undefined],
  ["/a\nb", undefined],
  [7, undefined],
  [undefined, undefined],
])("%j leads to %j", (given, expected) => {
  expect(safeNext(given)).toBe(expected);
});
