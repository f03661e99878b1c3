import { stage } from "@/test/samples";
import { afterText, neighbor, stageEdges } from "./edges";
import { isChain, stageColumns } from "./stageGraph";

/** `name`, `name(a b)` needs a and b, `name@2` is in phase 2. */
const read = (...texts: string[]) =>
  texts.map((text, position) => {
    const [, name = "", phase = "0", needs] = /^(\w+)(?:@(\d+))?(?:\((.*)\))?$/.exec(text) ?? [];
    return stage({ name, position, phase: Number(phase), needs: needs?.split(" ").filter(Boolean) ?? [] });
  });
const names = (columns: { name: string }[][]) =>
  columns.map((c) => c.map((s) => s.name).join(" ")).join(" | ");

test.each([
  [["dev", "staging(dev)", "prod(staging)"], "dev | staging | prod", true],
  [["a", "b"], "a b", false],
  [["build", "web(build)", "api(build)", "notify(web api)"], "build | web api | notify", false],
  [["late(early)", "early"], "early | late", true],
  [["a", "b(a)", "c(a b)"], "a | b | c", true],
  [["a", "b(a)", "far(a)", "end(b far)", "side"], "a side | b far | end", false],
  [["a", "b", "c@1", "d@3"], "a b | c | d", false],
  [["a", "b@1"], "a | b", false],
  [[], "", true],
])("%j stands as %s", (texts, columns, chain) => {
  const placed = stageColumns(read(...texts));
  expect(names(placed)).toBe(columns);
  expect(isChain(placed)).toBe(chain);
});

test("stages in a circle, which the server refuses, are shown all the same", () => {
  expect(stageColumns(read("a(b)", "b(a)", "c(a)")).flat()).toHaveLength(3);
});

test.each([
  [["a", "b@1", "c@2(b)", "d@2"], "a~b b>c b~d"],
  [["a", "b(a)", "c(a)", "d@4"], "a>b a>c b~d c~d"],
  [["a", "b(gone)"], ""],
])(
  "%j: a phase waits weakly for the last of the nearest lower one, nothing is said twice",
  (texts, words) => {
    const edges = stageEdges(read(...texts));
    expect(edges.map((e) => `${e.from}${e.weak ? "~" : ">"}${e.to}`).join(" ")).toBe(words);
  },
);

test.each([
  ["a", "At once"],
  ["b", "After a"],
  ["c", "When phase 0 has ended"],
  ["d", "After a, b, when phase 0 has ended"],
])("%s: %s", (name, text) => {
  const stages = read("a", "b(a)", "c@2", "d@2(a b)");
  const found = stages.find((s) => s.name === name);
  expect(found && afterText(found, stages)).toBe(text);
});

test.each([
  ["a", "ArrowRight", "b"],
  ["c", "ArrowRight", "d"],
  ["d", "ArrowLeft", "b"],
  ["b", "ArrowDown", "c"],
  ["c", "ArrowUp", "b"],
  ["b", "ArrowUp", undefined],
  ["d", "ArrowRight", undefined],
  ["a", "Enter", undefined],
  ["gone", "ArrowRight", undefined],
])("from %s, %s leads to %s", (name, key, found) => {
  const columns = stageColumns(read("a", "b(a)", "c(a)", "d(b c)"));
  expect(neighbor(columns, name, key)?.name).toBe(found);
});
