import { formatLabels, parseLabels } from "./labelText";

test.each([
  ["", {}],
  ["tier:gold", { tier: "gold" }],
  ["tier:gold, region: eu ,", { tier: "gold", region: "eu" }],
  ["url:http://x", { url: "http://x" }],
])("%j reads %j", (text, labels) => {
  expect(parseLabels(text)).toEqual({ labels });
});

test.each([
  ["gold", "“gold” is not key:value."],
  [":x", "“:x” is not key:value."],
  ["a:1, a:2", "The label a is there twice."],
])("%j is refused", (text, problem) => {
  expect(parseLabels(text).problem).toBe(problem);
});

test("there and back", () => {
  expect(parseLabels(formatLabels({ tier: "gold", region: "eu" })).labels).toEqual({
    tier: "gold",
    region: "eu",
  });
});
