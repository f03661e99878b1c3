import { Select, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { auth } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { FormDialog } from "./FormDialog";
import { ShownOnceDialog } from "./ShownOnceDialog";

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
    return (
      <ShownOnceDialog
        title="Copy the token now"
        about="It is shown once. Penstock keeps only a hash of it."
        value={create.data.token}
        copied="Token copied."
        onClose={onClose}
      />
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
