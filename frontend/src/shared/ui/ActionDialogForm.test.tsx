import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { show } from "@/test/render";
import { ActionDialogForm } from "./ActionDialogForm";

test("a reason that is asked for must be given, and is sent trimmed", async () => {
  const run = vi.fn().mockResolvedValue(undefined);
  const onClose = vi.fn();
  show(<ActionDialogForm title="Skip" confirm="Skip it" reason="Why?" run={run} onClose={onClose} />);
  await userEvent.click(screen.getByRole("button", { name: "Skip it" }));
  expect(screen.getByText("Say why, in a few words.")).toBeVisible();
  expect(run).not.toHaveBeenCalled();
  await userEvent.type(screen.getByRole("textbox", { name: "Why?" }), " gone ");
  await userEvent.click(screen.getByRole("button", { name: "Skip it" }));
  await waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  expect(run).toHaveBeenCalledWith("gone");
});

test("a refusal stays in the dialog", async () => {
  const onClose = vi.fn();
  const run = vi.fn().mockRejectedValue(new Error("It runs already."));
  show(<ActionDialogForm title="Run" confirm="Run it" run={run} onClose={onClose} />);
  await userEvent.click(screen.getByRole("button", { name: "Run it" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("It runs already.");
  expect(onClose).not.toHaveBeenCalled();
});
