import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ErrorPanel } from "./ErrorPanel";

export type ActionDialogProps = {
  title: string;
  confirm: string;
  onClose: () => void;
  run: (reason: string) => Promise<unknown>;
  children?: ReactNode;
  danger?: boolean;
  /** Label of a text that must be given; without it the dialog only asks yes or no. */
  reason?: string;
  /** Who sees the reason. */
  reasonNote?: string;
  cancel?: string;
  /** What is still missing in the children; the dialog says it instead of acting. */
  blocked?: string | undefined;
};

/** Asks before something that others feel: says what will happen, takes a reason where one is recorded, shows refusals. */
export function ActionDialogForm(props: ActionDialogProps) {
  const {
    title,
    confirm,
    onClose,
    run,
    children,
    danger,
    reason: reasonLabel,
    reasonNote = "Everybody who sees the issue sees it; it is kept in the audit log.",
    cancel = "Back",
    blocked,
  } = props;
  const [reason, setReason] = useState("");
  const [lacking, setLacking] = useState(false);
  const act = useMutation({ mutationFn: () => run(reason.trim()), onSuccess: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (blocked || (reasonLabel && !reason.trim())) return setLacking(true);
    act.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {children}
          {reasonLabel && (
            <Textarea
              label={reasonLabel}
              description={reasonNote}
              autosize
              minRows={2}
              maxRows={8}
              data-autofocus
              value={reason}
              error={lacking && !reason.trim() ? "Say why, in a few words." : undefined}
              onChange={(e) => setReason(e.currentTarget.value)}
            />
          )}
          {lacking && blocked && (
            <Text size="sm" c="var(--mantine-color-error)" role="alert">
              {blocked}
            </Text>
          )}
          {act.error && <ErrorPanel error={act.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {cancel}
            </Button>
            <Button
              type="submit"
              color={danger ? "red" : undefined}
              loading={act.isPending}
              data-autofocus={reasonLabel ? undefined : true}
            >
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
