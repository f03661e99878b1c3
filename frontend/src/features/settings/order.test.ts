import { environment } from "@/test/samples";
import { moved, positionsToWrite } from "./order";

const list = [environment("dev", 0), environment("staging", 10), environment("prod", 20)];
const slugs = (l: typeof list) => l.map((e) => e.slug);

test.each([
  ["staging", -1, ["staging", "dev", "prod"]],
  ["staging", 1, ["dev", "prod", "staging"]],
  ["dev", -1, ["dev", "staging", "prod"]],
  ["prod", 1, ["dev", "staging", "prod"]],
  ["gone", 1, ["dev", "staging", "prod"]],
] as const)("%s by %i", (slug, by, expected) => {
  expect(slugs(moved(list, slug, by))).toEqual(expected);
});

test("a swap writes two positions", () => {
  expect(positionsToWrite(list, moved(list, "prod", -1))).toEqual([
    { slug: "prod", version: 1, position: 10 },
    { slug: "staging", version: 1, position: 20 },
  ]);
  expect(positionsToWrite(list, list)).toEqual([]);
});

test("equal positions are numbered anew", () => {
  const same = [environment("a", 0), environment("b", 0)];
  expect(positionsToWrite(same, moved(same, "b", -1))).toEqual([{ slug: "a", version: 1, position: 10 }]);
});
