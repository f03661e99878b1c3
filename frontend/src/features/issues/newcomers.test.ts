import { arrivals, settle } from "./newcomers";

test.each([
  [[], [3, 2, 1], []],
  [[3, 2, 1], [3, 2, 1], []],
  [
    [3, 2, 1],
    [5, 4, 3, 2, 1],
    [5, 4],
  ],
  [[3, 2, 1], [3, 2, 1, 0], []],
  [[3, 2], [9, 8], []],
])("known %j, fresh %j: %j wait", (known, fresh, waiting) => {
  expect(arrivals(known, fresh)).toEqual(waiting);
  expect(settle(known, fresh)).toEqual(fresh.filter((id) => !waiting.includes(id as never)));
});
