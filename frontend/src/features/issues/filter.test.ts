import { chips, filterProblems, filterQuery, formatFilter, parseFilter, without } from "./filter";

test.each([
  ["", {}],
  ["is:open", { is: "open" }],
  ["is:open project:shop add currency", { is: "open", project: "shop", q: "add currency" }],
  ["author:me waiting:me env:prod", { author: "me", waiting: "me", env: "prod" }],
  ["add is:done column", { is: "done", q: "add column" }],
  ["label:team:core", { label: "team:core" }],
  ['label:"team:core data"', { label: "team:core data" }],
  ["is:open is:done", { is: "done" }],
  ["is:", {}],
  ["IS:open", { is: "open" }],
  ["http://x :y", { q: "http://x :y" }],
  ["  spaces   between  ", { q: "spaces between" }],
])("%j parses", (text, filter) => {
  expect(parseFilter(text)).toEqual(filter);
});

test.each([
  ["is:open project:shop add currency"],
  ["is:done env:prod author:bo@example.com"],
  ['label:"team:core data" words'],
])("%j survives the round trip", (text) => {
  expect(formatFilter(parseFilter(text))).toBe(text);
});

test("chips, and taking one away", () => {
  const filter = parseFilter("is:open author:me late");
  expect(chips(filter)).toEqual([
    { field: "is", value: "open" },
    { field: "author", value: "me" },
  ]);
  expect(formatFilter(without(filter, "is"))).toBe("author:me late");
});

test("what cannot work is said and not sent", () => {
  const filter = parseFilter("is:closed waiting:bo x");
  expect(filterProblems(filter).map((p) => p.token)).toEqual(["is:closed", "waiting:bo"]);
  expect(filterQuery(filter)).toMatchObject({ status: undefined, waiting_for: undefined, q: "x" });
  expect(filterQuery(parseFilter("is:open waiting:me env:prod"))).toMatchObject({
    status: "open",
    waiting_for: "me",
    environment: "prod",
  });
});
