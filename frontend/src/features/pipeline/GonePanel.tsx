import { Button } from "@mantine/core";
import { Gavel } from "lucide-react";
import { useState } from "react";
import type { TaskOut } from "@/api/types";
import { SettleDialog } from "./SettleDialog";
import classes from "./TaskDetail.module.css";

/** An attempt was lost, and the database that could tell how it ended has been away for long. */
export function GonePanel({ task }: { task: TaskOut }) {
  const [settling, setSettling] = useState(false);
  const version = task.changes.find((c) => c.state !== "applied" && c.state !== "already_applied")?.version;
  return (
    <section className={classes.unknown} aria-label="What is known">
      <h4>Nobody can tell whether this was applied</h4>
      <p>
        The last attempt was lost after it had sent something
        {task.failure ? `, and since then: ${task.failure.message}` : "."}
      </p>
      <p>
        As soon as the database answers, the next attempt finds out by itself. If it will not come back, say
        what you know.
      </p>
      <Button leftSection={<Gavel size={14} aria-hidden />} onClick={() => setSettling(true)}>
        Settle…
      </Button>
      {settling && <SettleDialog task={task} version={version} onClose={() => setSettling(false)} />}
    </section>
  );
}
