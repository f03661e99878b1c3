import { Skeleton } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { reviewQuery } from "@/api/queries";
import type { DatabaseOut, Engine, EnvironmentOut, TierOut } from "@/api/types";
import { ENGINES } from "@/features/instances/engines";
import { findingMarks, joinMarks, stepMarks } from "@/features/sql/marks";
import { ReviewSummary } from "@/features/sql/ReviewSummary";
import { QueryGate } from "@/shared/ui/QueryGate";
import type { Draft, DraftChange } from "../draft";
import { enginesOf, previewStages } from "../preview";
import { tierText } from "../tiers";
import classes from "./NewChange.module.css";

const SqlView = lazy(() => import("@/features/sql/SqlView").then((m) => ({ default: m.SqlView })));

type Props = { draft: Draft; chosen: DatabaseOut[]; environments: EnvironmentOut[]; tiers: TierOut[] };

/** One script with what review says about it, before it is filed: once for every engine that it will run on. */
function Script({ change, label, engines }: { change: DraftChange; label: string; engines: Engine[] }) {
  const reviews = useQueries({ queries: engines.map((engine) => reviewQuery(engine, change.statement)) });
  const several = engines.length > 1;
  const marks = joinMarks(
    engines.map((engine, at) => {
      const found = reviews[at]?.data;
      return {
        engine: ENGINES[engine],
        marks: found ? [...stepMarks(found.steps), ...findingMarks(found.findings)] : [],
      };
    }),
  );
  return (
    <div>
      {(change.version || change.name) && (
        <p className={classes.names}>
          <span className="mono">{change.version}</span> {change.name}
        </p>
      )}
      {engines.map((engine, at) => {
        const review = reviews[at];
        return (
          review && (
            <QueryGate key={engine} query={review} skeleton={<Skeleton h={30} mb={8} />}>
              {({ findings, steps }) => (
                <ReviewSummary
                  findings={findings}
                  steps={steps}
                  engine={several ? ENGINES[engine] : undefined}
                />
              )}
            </QueryGate>
          )
        );
      })}
      <SqlView value={change.statement} label={label} engine={engines[0] ?? null} marks={marks} />
    </div>
  );
}

/** Step 3: exactly what filing creates: stages in order, who must approve each, the SQL as it will run. */
export function CheckStep({ draft, chosen, environments, tiers }: Props) {
  const stages = previewStages(chosen, environments, tiers);
  const engines = enginesOf(chosen);
  return (
    <div className={classes.check}>
      <ol className={classes.stages} aria-label="Stages">
        {stages.map((s, at) => (
          <li key={s.environment.slug} className={classes.stage}>
            <span className={classes.number}>{at + 1}</span>
            <div>
              <h3>
                {s.environment.name}{" "}
                <span className={classes.count}>
                  {s.databases.length} {s.databases.length === 1 ? "database" : "databases"}
                </span>
              </h3>
              <p className={classes.tier}>
                {s.tier ? tierText(s.tier) : `Rules of tier ${s.environment.tier}.`}
              </p>
              <p className={classes.names}>
                {s.databases
                  .slice(0, 6)
                  .map((d) => d.name)
                  .join(", ")}
                {s.databases.length > 6 && ` and ${s.databases.length - 6} more`}
              </p>
            </div>
          </li>
        ))}
      </ol>
      <div className={classes.sql}>
        <h3>{draft.title}</h3>
        {draft.description && <p className={classes.description}>{draft.description}</p>}
        <Suspense fallback={<Skeleton h={160} />}>
          {draft.changes.map((c, at) => (
            <Script key={c.key} change={c} label={`SQL to file, change ${at + 1}`} engines={engines} />
          ))}
        </Suspense>
      </div>
    </div>
  );
}
