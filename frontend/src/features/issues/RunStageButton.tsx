import { Button } from "@mantine/core";
import { Play } from "lucide-react";
import type { StageOut } from "@/api/types";
import { ExplainButton } from "./ExplainButton";
import { startable } from "./issueAction";

type Props = { stage: StageOut; open: boolean; primary?: boolean; onRun: () => void };

/** Run a stage that waits for a person: where it may run it asks, where it may not it explains itself. */
export function RunStageButton({ stage, open, primary = false, onRun }: Props) {
  if (!open || startable(stage) === 0) return null;
  const label = `Run ${stage.name}`;
  if (stage.actions.includes("advance"))
    return (
      <Button
        variant={primary ? "filled" : "default"}
        leftSection={<Play size={14} aria-hidden />}
        onClick={onRun}
      >
        {label}
      </Button>
    );
  if (stage.advance === "auto") return null;
  const others = stage.blockers.filter((b) => b.gate !== "advance");
  return (
    <ExplainButton
      label={label}
      blockers={others}
      needs="Running a stage needs the role releaser or owner in this project. A project owner can give it to you."
    />
  );
}
