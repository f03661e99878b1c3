import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { show, violations } from "@/test/render";
import { FilterBar } from "./FilterBar";

test("text, chips and presets are the same filter", async () => {
  const onChange = vi.fn();
  const { container } = show(
    <FilterBar text="is:open project:shop late" projects={["shop"]} onChange={onChange} />,
  );
  const box = screen.getByRole("textbox", { name: "Filter issues" });
  expect(box).toHaveValue("is:open project:shop late");
  await userEvent.click(screen.getByRole("button", { name: "Remove filter Project shop" }));
  expect(onChange).toHaveBeenLastCalledWith("is:open late");
  await userEvent.click(screen.getByRole("button", { name: "Waiting for me" }));
  expect(onChange).toHaveBeenLastCalledWith("is:open waiting:me");
  await userEvent.clear(box);
  await userEvent.type(box, "author:me  rename{Enter}");
  expect(onChange).toHaveBeenLastCalledWith("author:me rename");
  expect(await violations(container)).toEqual([]);
});

test("what cannot work is said at the text", () => {
  show(<FilterBar text="is:closed" projects={[]} onChange={() => {}} />);
  expect(screen.getByText("is: takes open, done, canceled")).toBeVisible();
});
