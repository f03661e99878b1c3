import { parties, party, toldAlready } from "./parties";

test.each([
  ["role:workspace:dba", "a DBA"],
  ["project:owner", "a project owner"],
  ["user:bo@example.com", "bo@example.com"],
  ["stage:dev", "stage dev"],
  ["role:workspace:keeper", "keeper"],
  ["time", "time"],
])("%s reads %s", (label, words) => {
  expect(party(label)).toBe(words);
});

test.each([
  [[], ""],
  [["role:workspace:dba"], "a DBA"],
  [["role:workspace:dba", "user:me@example.com"], "you or a DBA"],
  [["user:a@x", "user:b@x", "user:c@x", "user:d@x", "user:e@x"], "a@x, b@x or 3 more"],
])("%j reads %s", (labels, words) => {
  expect(parties(labels, { email: "me@example.com" })).toBe(words);
});

test.each([
  ["Waits for an approval by project owner or DBA.", ["role:project:owner", "role:workspace:dba"], true],
  ["Waits until staging has ended.", ["stage:staging"], true],
  ["Held by Ana.", ["role:project:releaser"], false],
])("%s names %j: %s", (message, labels, told) => {
  expect(toldAlready(message, labels)).toBe(told);
});
