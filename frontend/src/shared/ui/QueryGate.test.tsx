import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { ApiError } from "@/api/errors";
import { show } from "@/test/render";
import { QueryGate } from "./QueryGate";

const query = (some: object) =>
  ({ data: undefined, error: null, isPending: false, refetch: vi.fn(), ...some }) as never;
const gate = (some: object) => (
  <QueryGate query={query(some)} skeleton={<p>skeleton</p>}>
    {(data: string) => <p>{data}</p>}
  </QueryGate>
);

test("a quick answer never flashes a skeleton", () => {
  vi.useFakeTimers();
  show(gate({ isPending: true }));
  expect(screen.queryByText("skeleton")).toBeNull();
  act(() => vi.advanceTimersByTime(250));
  expect(screen.getByText("skeleton")).toBeVisible();
  vi.useRealTimers();
});

test("an error names the request, offers Retry, and keeps what was read before", async () => {
  const refetch = vi.fn();
  const error = new ApiError({
    title: "Unavailable",
    detail: "Try again.",
    status: 503,
    code: "unavailable",
    request_id: "r-7",
  });
  show(gate({ data: "old", error, refetch }));
  expect(screen.getByText("old")).toBeVisible();
  expect(screen.getByRole("alert")).toHaveTextContent("r-7");
  await userEvent.click(screen.getByRole("button", { name: "Retry" }));
  expect(refetch).toHaveBeenCalledOnce();
});

test("what is forbidden says who can give access, and retrying is not offered", () => {
  show(gate({ error: new ApiError({ title: "Forbidden", detail: "No.", status: 403, code: "forbidden" }) }));
  expect(screen.getByRole("alert")).toHaveTextContent(
    "A project owner or a workspace administrator can give you access.",
  );
  expect(screen.queryByRole("button")).toBeNull();
});
