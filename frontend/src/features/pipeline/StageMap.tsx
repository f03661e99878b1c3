import type { KeyboardEvent } from "react";
import type { StageOut } from "@/api/types";
import { afterText, neighbor } from "./edges";
import { StageCard } from "./StageCard";
import { StageEdges } from "./StageEdges";
import classes from "./StageRail.module.css";

type Props = {
  columns: StageOut[][];
  stages: StageOut[];
  selected: string | undefined;
  verb: string;
  onSelect: (name: string) => void;
};

/** Stages that run side by side stand in one column; each says what it waits for, and lines repeat it. Arrow keys go the same ways. */
export function StageMap({ columns, stages, ...props }: Props) {
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const card = (event.target as HTMLElement).closest<HTMLElement>("[data-stage]");
    const next = card && neighbor(columns, card.dataset.stage ?? "", event.key);
    if (!next) return;
    event.preventDefault();
    event.currentTarget.querySelector<HTMLElement>(`[data-stage="${CSS.escape(next.name)}"]`)?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the buttons in it
    <div className={classes.graph} onKeyDown={onKeyDown}>
      <StageEdges stages={stages} selected={props.selected} />
      <ol className={classes.columns}>
        {columns.map((column) => (
          <li key={column[0]?.name} className={classes.column}>
            <ul className={classes.lane}>
              {column.map((stage) => (
                <li key={stage.name}>
                  <StageCard stage={stage} after={afterText(stage, stages)} {...props} />
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </div>
  );
}
