import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { repositories } from "@/api/endpoints";
import { ApiError } from "@/api/errors";
import type { RepositoryOut } from "@/api/types";
import { show, violations } from "@/test/render";
import { WebhookDialog } from "./WebhookDialog";

const STOCK: RepositoryOut = {
  slug: "stock",
  project: "shop",
  system: "gitlab",
  url: "https://gitlab.com/api/v4",
  repository: "acme/stock",
  branch: "main",
  directory: "",
  layout: null,
  pattern: null,
  engine: null,
  environment: null,
  preview_instance: null,
  acts_as: { id: 7, name: "Robot", email: null, kind: "service_account" },
  enabled: true,
  webhook_path: "/api/v1/webhooks/git/stock",
  webhook_secret: null,
  created_at: "2026-11-21T10:00:00Z",
  version: 3,
};
const TOKEN = "whsec_c2VjcmV0IQ==";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a signing token takes the place of the secret, and the dialog closes", async () => {
  const patch = vi.spyOn(repositories, "patch").mockResolvedValue(STOCK);
  const onClose = vi.fn();
  show(<WebhookDialog of={STOCK} onClose={onClose} />);
  const replace = screen.getByRole("button", { name: "Replace with this token" });
  await userEvent.click(replace);
  expect(screen.getByText("GitLab's begin with whsec_.")).toBeVisible();
  expect(patch).not.toHaveBeenCalled();
  expect(await violations(document.body)).toEqual([]);
  fireEvent.change(screen.getByLabelText("Signing token"), { target: { value: ` ${TOKEN} ` } });
  await userEvent.click(replace);
  await waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  expect(patch).toHaveBeenCalledWith("stock", 3, { signing_token: TOKEN });
});

test("a token that the server refuses stays in the dialog with its words", async () => {
  const message = "A signing token is whsec_ and base64, as GitLab shows it once; GitHub has none.";
  const errors = [{ field: "signing_token", message, code: "bad_signing_token" }];
  const problem = { title: "Not valid", status: 422, code: "validation_failed", errors };
  vi.spyOn(repositories, "patch").mockRejectedValue(new ApiError(problem));
  const onClose = vi.fn();
  show(<WebhookDialog of={STOCK} onClose={onClose} />);
  fireEvent.change(screen.getByLabelText("Signing token"), { target: { value: "whsec_short" } });
  await userEvent.click(screen.getByRole("button", { name: "Replace with this token" }));
  expect(await screen.findByText(message)).toBeVisible();
  expect(onClose).not.toHaveBeenCalled();
});

test("a new secret is shown once, and is not lost by a second click", async () => {
  const rotate = vi
    .spyOn(repositories, "rotate")
    .mockResolvedValue({ ...STOCK, webhook_secret: "brand-new" });
  const onClose = vi.fn();
  show(<WebhookDialog of={STOCK} onClose={onClose} />);
  await userEvent.click(screen.getByRole("button", { name: "Make a new secret" }));
  expect(await screen.findByText("brand-new")).toBeVisible();
  expect(onClose).not.toHaveBeenCalled();
  expect(screen.queryByRole("button", { name: "Make a new secret" })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "I have stored it" }));
  expect(onClose).toHaveBeenCalledOnce();
  expect(rotate).toHaveBeenCalledOnce();
});

test("GitHub has no signing token", () => {
  show(<WebhookDialog of={{ ...STOCK, system: "github" }} onClose={() => undefined} />);
  expect(screen.queryByLabelText("Signing token")).toBeNull();
  expect(screen.getByRole("button", { name: "Make a new secret" })).toBeVisible();
});
