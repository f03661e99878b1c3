import type { CheckState } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { checkLook } from "./checkWords";

/** How a check stands, as icon and word. */
export function CheckBadge({ state, size = "sm" }: { state: CheckState; size?: "sm" | "md" }) {
  return <StatusBadge {...checkLook(state)} size={size} plain={state === "missing"} />;
}
