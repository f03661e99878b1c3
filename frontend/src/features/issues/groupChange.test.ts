import { groupChange } from "./groupChange";

test.each([
  [0, 0, null],
  [1, 0, "1 database joined since"],
  [2, 0, "2 databases joined since"],
  [0, 3, "3 databases left since"],
  [2, 1, "2 databases joined since, 1 left"],
])("%j joined, %j left", (joined, left, says) => {
  expect(groupChange({ joined, left })).toBe(says);
});
