import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { releaseChecksQuery } from "@/api/queries";
import { Panel } from "@/shared/ui/Panel";
import classes from "./Checks.module.css";
import { byEnvironment } from "./checkWords";
import { ReportRow } from "./ReportRow";

/** What other systems say of an issue's release. Absent until one has said something. */
export function ChecksPanel({ project, release }: { project: string; release: number }) {
  const { data } = useQuery(releaseChecksQuery(release));
  if (!data?.items.length) return null;
  return (
    <Panel
      title="Checks"
      actions={
        <Link to="/checks" search={{ project }}>
          All checks
        </Link>
      }
    >
      <ul className={classes.reports}>
        {byEnvironment(data.items).map(([environment, reports]) =>
          reports.map((r) => <ReportRow key={r.id} report={r} name={r.context} about={environment} />),
        )}
      </ul>
    </Panel>
  );
}
