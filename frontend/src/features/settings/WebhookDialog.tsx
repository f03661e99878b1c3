import { Button, Modal, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { repositories } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import type { RepositoryOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { say } from "@/shared/ui/say";
import { hookAddress } from "./hookAddress";
import { notSigning } from "./repositoryForm";
import { SecretDialog } from "./SecretDialog";
import classes from "./Settings.module.css";
import { SigningTokenInput } from "./SigningTokenInput";

type Props = { of: RepositoryOut; onClose: () => void };

/** GitLab signs from now on, or with another token than before. */
function SigningToken({ of, onClose }: Props) {
  const client = useQueryClient();
  const [token, setToken] = useState("");
  const [asked, setAsked] = useState(false);
  const wrong = notSigning(token);
  const replace = useMutation({
    mutationFn: () => repositories.patch(of.slug, of.version, { signing_token: token.trim() }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["repositories"] });
      say(`Only webhooks of ${of.repository} that are signed with this token count now.`);
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    if (!wrong) replace.mutate();
  };
  const problem = fieldProblem(replace.error, "signing_token");
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="xs" align="flex-start">
        <SigningTokenInput
          w="100%"
          address={hookAddress(of.webhook_path)}
          after="From then on only signed webhooks count, and no secret does."
          value={token}
          error={(asked ? wrong : undefined) ?? problem}
          onChange={(e) => setToken(e.currentTarget.value)}
        />
        {replace.error && !problem && <ErrorPanel error={replace.error} />}
        <Button type="submit" variant="default" loading={replace.isPending}>
          Replace with this token
        </Button>
      </Stack>
    </form>
  );
}

/** Where a repository's host calls, and what proves that it is the host; neither is shown again, both can be replaced. */
export function WebhookDialog({ of, onClose }: Props) {
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: () => repositories.rotate(of.slug),
    onSuccess: () => client.invalidateQueries({ queryKey: ["repositories"] }),
  });
  if (rotate.data) return <SecretDialog of={rotate.data} onClose={onClose} />;
  const gitlab = of.system === "gitlab";
  return (
    <Modal opened onClose={onClose} title={`Webhook of ${of.repository}`}>
      <Stack gap="md">
        <div className={classes.token}>
          <code className="mono">{hookAddress(of.webhook_path)}</code>
        </div>
        {gitlab && <SigningToken of={of} onClose={onClose} />}
        <Stack gap="xs" align="flex-start">
          <Text size="sm">
            {gitlab
              ? "Or have a secret token made, which every version of GitLab knows and which also takes the place of a signing token."
              : "Webhooks are signed with a secret, which nobody is shown again."}{" "}
            Webhooks of before do not count from that moment.
          </Text>
          {rotate.error && <ErrorPanel error={rotate.error} />}
          <Button variant="default" loading={rotate.isPending} onClick={() => rotate.mutate()}>
            Make a new secret
          </Button>
        </Stack>
      </Stack>
    </Modal>
  );
}
