import { Title } from "@mantine/core";
import type { PipelineOut } from "@/api/types";
import { BlockerList } from "./BlockerList";
import classes from "./BlockerList.module.css";
import { pipelineBlockers } from "./blockers";

/** Why the change waits, and for whom, stage by stage. Absent while nothing is held back. */
export function BlockersPanel({ pipeline }: { pipeline: PipelineOut }) {
  const stages = pipelineBlockers(pipeline);
  if (!stages.length) return null;
  return (
    <section className={classes.panel} aria-labelledby="why-it-waits">
      <Title order={2} id="why-it-waits">
        Why it waits
      </Title>
      <div className={classes.stages}>
        {stages.map((s) => (
          <div key={s.stage} className={classes.stage}>
            <span className={classes.name}>{s.stage}</span>
            <BlockerList blockers={s.blockers} />
          </div>
        ))}
      </div>
    </section>
  );
}
