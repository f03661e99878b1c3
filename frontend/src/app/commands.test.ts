import { type Command, currentCommands, matchKeys, register } from "./commands";

const command = (id: string, keys?: string): Command => ({ id, label: id, group: "Go", keys, run: () => {} });
const key = (k: string, mods: object = {}) => ({
  key: k,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...mods,
});
const all = [
  command("issues", "g i"),
  command("databases", "g d"),
  command("new", "c"),
  command("next", "n"),
];

test.each([
  ["c", "", "new", ""],
  ["g", "", undefined, "g"],
  ["i", "g", "issues", ""],
  ["d", "g", "databases", ""],
  ["c", "g", "new", ""],
  ["x", "g", undefined, ""],
  ["i", "", undefined, ""],
])("%s after %j runs %s", (pressed, prefix, id, rest) => {
  const match = matchKeys(all, key(pressed), prefix);
  expect([match.command?.id, match.prefix]).toEqual([id, rest]);
});

test("modifiers belong to the browser", () => {
  expect(matchKeys(all, key("c", { ctrlKey: true }), "")).toEqual({ prefix: "" });
});

test("a page's command hides the shell's while it is there", () => {
  const leavePage = register([command("b", "n")]);
  const leaveShell = register([command("a", "n")], "everywhere");
  expect(matchKeys(currentCommands(), key("n"), "").command?.id).toBe("b");
  leavePage();
  expect(matchKeys(currentCommands(), key("n"), "").command?.id).toBe("a");
  leaveShell();
  expect(currentCommands()).toEqual([]);
});
