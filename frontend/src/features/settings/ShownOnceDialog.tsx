import { Button, Modal, Stack, Text } from "@mantine/core";
import { Copy } from "lucide-react";
import { say, sayError } from "@/shared/ui/say";
import classes from "./Settings.module.css";

type Props = {
  title: string;
  /** What it is, and why it is not shown again. */
  about: string;
  value: string;
  /** Said when it is in the clipboard. */
  copied: string;
  onClose: () => void;
};

/** Shows a new secret, once: a click beside the dialog does not lose it. */
export function ShownOnceDialog({ title, about, value, copied, onClose }: Props) {
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    say(copied);
  };
  return (
    <Modal opened onClose={onClose} title={title} closeOnClickOutside={false}>
      <Stack gap="sm">
        <Text size="sm">{about}</Text>
        <div className={classes.token}>
          <code className="mono" style={{ flex: 1 }}>
            {value}
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
