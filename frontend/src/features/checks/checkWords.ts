import type { CheckState, StatusOut } from "@/api/types";

/** Which of the known statuses a check looks like, and its own word. */
const LOOKS: Record<CheckState, { status: string; label: string }> = {
  success: { status: "succeeded", label: "Success" },
  failure: { status: "failed", label: "Failure" },
  error: { status: "error", label: "Error" },
  pending: { status: "running", label: "Pending" },
  missing: { status: "pending", label: "Not reported" },
};

export const checkLook = (state: CheckState) => LOOKS[state];

/** The last part of `pg-dev/shop_dev`; everything else is about all databases. */
export const databaseWord = (report: Pick<StatusOut, "database">) =>
  report.database === null ? "all databases" : (report.database.split("/").pop() ?? report.database);

/** Reports by environment, in the order in which environments are first met; the newest report first in each. */
export function byEnvironment(reports: StatusOut[]): [environment: string, reports: StatusOut[]][] {
  const found = new Map<string, StatusOut[]>();
  for (const report of reports)
    found.set(report.environment, [...(found.get(report.environment) ?? []), report]);
  return [...found];
}

/** A link that a page may offer: what a system reports is not ours, so only the web. */
export const webLink = (url: string | null) => (url && /^https?:\/\//i.test(url) ? url : null);
