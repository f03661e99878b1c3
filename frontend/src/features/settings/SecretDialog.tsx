import type { RepositoryOut } from "@/api/types";
import { hookAddress } from "./hookAddress";
import { secretText } from "./repositoryForm";
import { ShownOnceDialog } from "./ShownOnceDialog";

/** The secret of a repository's webhook, in the one answer that has it. */
export function SecretDialog({ of, onClose }: { of: RepositoryOut; onClose: () => void }) {
  return (
    <ShownOnceDialog
      title="Copy the webhook's secret now"
      about={secretText(of.system, hookAddress(of.webhook_path))}
      value={of.webhook_secret ?? ""}
      copied="Secret copied."
      onClose={onClose}
    />
  );
}
