import { Button, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Copy } from "lucide-react";
import { useState } from "react";
import { auth } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { say, sayError } from "@/shared/ui/say";
import { FormDialog } from "./FormDialog";
import classes from "./Settings.module.css";

const TERMS = [
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "1 year" },
  { value: "never", label: "Never" },
];

/** Makes a token and shows it, once. */
export function TokenDialog({
  account,
  onClose,
}: {
  account: { id: number; name: string } | null;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [term, setTerm] = useState("90");
  const [asked, setAsked] = useState(false);
  const create = useMutation({
    mutationFn: () =>
      auth.createToken({
        name: name.trim(),
        expires_in_days: term === "never" ? null : Number(term),
        ...(account ? { service_account: account.id } : {}),
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  if (create.data) {
    const { token } = create.data;
    const copy = async () => {
      await navigator.clipboard.writeText(token);
      say("Token copied.");
    };
    return (
      <Modal opened onClose={onClose} title="Copy the token now" closeOnClickOutside={false}>
        <Stack gap="sm">
          <Text size="sm">It is shown once. Penstock keeps only a hash of it.</Text>
          <div className={classes.token}>
            <code className="mono" style={{ flex: 1 }}>
              {token}
            </code>
            <Button
              variant="default"
              leftSection={<Copy size={14} aria-hidden />}
              onClick={() => void copy().catch(sayError)}
            >
              Copy
            </Button>
          </div>
          <Button onClick={onClose}>I have stored it</Button>
        </Stack>
      </Modal>
    );
  }
  return (
    <FormDialog
      title={account ? `New token of ${account.name}` : "New token"}
      confirm="Create"
      pending={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (name.trim()) create.mutate();
      }}
    >
      <TextInput
        label="What is it for?"
        placeholder="CI of shop"
        data-autofocus
        value={name}
        error={
          asked && !name.trim()
            ? "Name it, so that you know later which one to revoke."
            : fieldProblem(create.error, "name")
        }
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <Select
        label="Expires after"
        allowDeselect={false}
        data={TERMS}
        value={term}
        onChange={(v) => v && setTerm(v)}
      />
    </FormDialog>
  );
}
