import { markedText } from "./MarkedBar";

test("marked issues become a list with links", () => {
  expect(markedText([{ id: 3, title: "Add note" }], "https://penstock.example")).toBe(
    "- Add note (#3): https://penstock.example/issues/3",
  );
});
