import { notifications } from "@mantine/notifications";
import { explain } from "@/api/errors";

/** A short confirmation that does not interrupt. */
export function say(message: string) {
  notifications.show({ message, autoClose: 4_000, withBorder: true });
}

/** A refusal of something started by one click, where no dialog is open to show it. */
export function sayError(error: unknown) {
  notifications.show({
    title: "This did not work",
    message: explain(error),
    color: "red",
    autoClose: 9_000,
    withBorder: true,
  });
}
