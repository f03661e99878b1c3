import { lazy, Suspense } from "react";
import type { ActionDialogProps } from "./ActionDialogForm";

const ActionDialogForm = lazy(() =>
  import("./ActionDialogForm").then((m) => ({ default: m.ActionDialogForm })),
);

/** `ActionDialogForm`, fetched when a dialog is first needed. */
export function ActionDialog(props: ActionDialogProps) {
  return (
    <Suspense>
      <ActionDialogForm {...props} />
    </Suspense>
  );
}
