/** Which gates a person may pass over in an emergency, and their names. */
import type { BypassGate, StageOut } from "@/api/types";

export const GATES: { gate: BypassGate; label: string }[] = [
  { gate: "window", label: "Maintenance windows and start time" },
  { gate: "freeze", label: "Freezes" },
  { gate: "lower-environments", label: "Lower environments first" },
  { gate: "soak", label: "Soak time" },
];

/** The gates that are closed now and can be passed over, with why they are closed. */
export function bypassable(
  stage: Pick<StageOut, "blockers">,
): { gate: BypassGate; label: string; why: string }[] {
  return GATES.flatMap(({ gate, label }) => {
    const found = stage.blockers.filter((b) => b.gate === gate);
    return found.length ? [{ gate, label, why: found.map((b) => b.message).join(" ") }] : [];
  });
}
