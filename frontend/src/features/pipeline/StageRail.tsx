import { ChevronRight } from "lucide-react";
import { lazy, Suspense } from "react";
import type { StageOut } from "@/api/types";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StageCard } from "./StageCard";
import classes from "./StageRail.module.css";
import { isChain, stageColumns } from "./stageGraph";

// Most pipelines are a chain.
const StageMap = lazy(() => import("./StageMap").then((m) => ({ default: m.StageMap })));

type Props = {
  stages: StageOut[];
  selected: string | undefined;
  verb: string;
  onSelect: (name: string) => void;
};

/** Stages in rollout order. What comes next is on the right, or below on a phone. */
export function StageRail(props: Props) {
  const columns = stageColumns(props.stages);
  return (
    <nav aria-label="Stages" className={classes.nav}>
      {isChain(columns) ? (
        <ol className={classes.rail}>
          {columns.flat().map((stage) => (
            <li key={stage.name} className={classes.item}>
              <StageCard {...props} stage={stage} after={null} />
              <ChevronRight className={classes.arrow} size={16} aria-hidden />
            </li>
          ))}
        </ol>
      ) : (
        <Suspense fallback={<SkeletonRows rows={3} />}>
          <StageMap {...props} columns={columns} />
        </Suspense>
      )}
    </nav>
  );
}
