import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { show, violations } from "@/test/render";
import { TargetPicker } from "./TargetPicker";

const target = (id: number, name = `shop_${id}`) => ({ id, instance: "pg", name, pending: id % 2 });

function Picking({ of }: { of: ReturnType<typeof target>[] }) {
  const [left, setLeft] = useState<ReadonlySet<number>>(new Set());
  return (
    <>
      <TargetPicker databases={of} left={left} onLeft={setLeft} />
      <output>{[...left].join()}</output>
    </>
  );
}
const left = () => screen.getByRole("status").textContent;

test("all are chosen, until some are left out", async () => {
  const { container } = show(<Picking of={[target(1), target(2)]} />);
  expect(screen.getByRole("heading")).toHaveTextContent("2 databases");
  expect(screen.getByRole("checkbox", { name: "pg/shop_1 lacks 1 change" })).toBeChecked();
  await userEvent.click(screen.getByRole("checkbox", { name: "pg/shop_2 has all of it" }));
  expect(left()).toBe("2");
  expect(screen.getByRole("heading")).toHaveTextContent("1 of 2 databases");
  await userEvent.click(screen.getByRole("button", { name: "Choose all" }));
  expect(left()).toBe("");
  await userEvent.click(screen.getByRole("button", { name: "Choose none" }));
  expect(left()).toBe("1,2");
  expect(await violations(container)).toEqual([]);
});

test("of one database there is nothing to choose", () => {
  show(<Picking of={[target(1)]} />);
  expect(screen.getByText("pg/shop_1")).toHaveTextContent("pg/shop_1 lacks 1 change");
  expect(screen.queryByRole("checkbox")).toBeNull();
});

test("among many one searches, and chooses what was found", async () => {
  const many = Array.from({ length: 12 }, (_, n) => target(n + 1, n < 3 ? `eu_${n}` : `us_${n}`));
  show(<Picking of={many} />);
  await userEvent.click(screen.getByRole("button", { name: "Choose none" }));
  await userEvent.type(screen.getByRole("textbox", { name: "Search databases" }), "eu_");
  expect(screen.getAllByRole("checkbox")).toHaveLength(3);
  await userEvent.click(screen.getByRole("button", { name: "Choose all" }));
  expect(left()).toBe("4,5,6,7,8,9,10,11,12");
});
