/** The word and the tone of every status. A status is shown as icon + word + colour, never colour alone. */

export type Tone = "neutral" | "wait" | "run" | "good" | "bad" | "warn";
export type StatusLook = { label: string; tone: Tone };

const LOOKS: Record<string, StatusLook> = {
  pending: { label: "Pending", tone: "neutral" },
  waiting: { label: "Waiting", tone: "neutral" },
  ready: { label: "Ready", tone: "wait" },
  scheduled: { label: "Scheduled", tone: "run" },
  running: { label: "Running", tone: "run" },
  blocked: { label: "Waiting", tone: "wait" },
  canceling: { label: "Canceling", tone: "warn" },
  succeeded: { label: "Succeeded", tone: "good" },
  done: { label: "Done", tone: "good" },
  failed: { label: "Failed", tone: "bad" },
  error: { label: "Error", tone: "bad" },
  canceled: { label: "Canceled", tone: "neutral" },
  skipped: { label: "Skipped", tone: "neutral" },
  open: { label: "Open", tone: "run" },
  held: { label: "On hold", tone: "warn" },
  drifted: { label: "Drifted", tone: "warn" },
  ignored: { label: "Ignored", tone: "neutral" },
  accepted: { label: "Accepted", tone: "good" },
  ended: { label: "Ended", tone: "neutral" },
  interrupted: { label: "Interrupted", tone: "warn" },
  unknown: { label: "Unknown", tone: "warn" },
};

/** A status that a newer server invented is shown by its own word. */
export function statusLook(status: string): StatusLook {
  const known = LOOKS[status];
  if (known) return known;
  const words = status.replaceAll("_", " ");
  return { label: words.charAt(0).toUpperCase() + words.slice(1), tone: "neutral" };
}

/** What an issue shows: its status, or, while it is open, what its pipeline is doing. */
export function issueStatus(issue: { status: string; result: string; held?: boolean }): string {
  if (issue.status !== "open") return issue.result === "canceling" ? "canceling" : issue.status;
  if (issue.held) return "held";
  return issue.result;
}
