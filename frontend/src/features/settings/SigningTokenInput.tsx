import { PasswordInput, type PasswordInputProps } from "@mantine/core";

type Props = Omit<PasswordInputProps, "label" | "description"> & {
  /** Where GitLab's webhook goes. */
  address: string;
  /** What follows from the answer. */
  after: string;
};

/** What GitLab signs its webhooks with: made over there, given here once, shown to nobody. */
export function SigningTokenInput({ address, after, ...input }: Props) {
  return (
    <PasswordInput
      label="Signing token"
      description={`In GitLab, add a webhook for merge requests at ${address}, generate its signing token, and copy it here. ${after}`}
      placeholder="whsec_…"
      autoComplete="new-password"
      {...input}
    />
  );
}
