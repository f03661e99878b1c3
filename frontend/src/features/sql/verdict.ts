/** What review says about a script, in one line: safe, needs attention, or blocked, and why. */
import type { FindingOut, StepOut } from "@/api/types";

type Severity = FindingOut["severity"];
export type Verdict = { tone: "good" | "wait" | "bad"; word: string; why: string };

const RANK: Record<Severity, number> = { error: 0, warning: 1, info: 2 };
const plural = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`;

/** Worst first, then in the order of the script. */
export const sortFindings = <F extends Pick<FindingOut, "severity" | "line">>(findings: F[]): F[] =>
  [...findings].sort((a, b) => RANK[a.severity] - RANK[b.severity] || (a.line ?? 0) - (b.line ?? 0));

export function verdict(findings: Pick<FindingOut, "severity">[]): Verdict {
  const count = (severity: Severity) => findings.filter((f) => f.severity === severity).length;
  const [errors, warnings, infos] = [count("error"), count("warning"), count("info")];
  const parts = [
    errors && plural(errors, "error"),
    warnings && plural(warnings, "warning"),
    infos && plural(infos, "note"),
  ].filter((p) => typeof p === "string");
  const why = parts.join(", ");
  if (errors) return { tone: "bad", word: "Blocked", why };
  if (warnings) return { tone: "wait", word: "Needs attention", why };
  return { tone: "good", word: "Safe", why: why || "nothing found" };
}

/** How the script is cut: one transaction, or pieces of which some run outside of one. */
export function stepsText(steps: StepOut[]): string {
  if (!steps.length) return "";
  const undecidable = steps.filter((s) => s.undecidable).length;
  if (steps.length === 1) {
    const how = steps[0]?.transactional ? "Runs in one transaction" : "Runs outside a transaction";
    return undecidable ? `${how}, undecidable after a crash` : how;
  }
  const outside = steps.filter((s) => !s.transactional).length;
  const parts = [`Runs in ${steps.length} steps`];
  if (outside) parts.push(`${outside} of them outside a transaction`);
  if (undecidable) parts.push(`${undecidable} undecidable after a crash`);
  return parts.join(", ");
}
