import { Button } from "@mantine/core";
import { Play, Snowflake } from "lucide-react";
import type { Frozen } from "@/api/types";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Freezes.module.css";

type Props = {
  name: string;
  freeze: Frozen | undefined;
  allowed: boolean;
  onFreeze: () => void;
  onLift: (freeze: Frozen) => void;
};

/** One place that can be frozen: whether it is, why, by whom and until when. */
export function FreezeRow({ name, freeze, allowed, onFreeze, onLift }: Props) {
  return (
    <li className={classes.row}>
      <div className={classes.grow}>
        <div className={classes.name}>
          {name}
          {freeze && (
            <span className={classes.frozen}>
              <Snowflake size={12} aria-hidden /> Frozen
            </span>
          )}
        </div>
        {freeze ? (
          <div className={classes.sub}>
            “{freeze.reason}” · {freeze.by.name} <TimeAgo iso={freeze.created_at} />
            {freeze.until ? (
              <>
                {" "}
                · ends by itself <TimeAgo iso={freeze.until} />
              </>
            ) : (
              " · until somebody ends it"
            )}
          </div>
        ) : (
          <div className={classes.sub}>Not frozen</div>
        )}
      </div>
      {allowed &&
        (freeze ? (
          <Button
            variant="default"
            leftSection={<Play size={13} aria-hidden />}
            onClick={() => onLift(freeze)}
            aria-label={`End the freeze of ${name}`}
          >
            End the freeze
          </Button>
        ) : (
          <Button
            variant="default"
            leftSection={<Snowflake size={13} aria-hidden />}
            onClick={onFreeze}
            aria-label={`Freeze ${name}`}
          >
            Freeze
          </Button>
        ))}
    </li>
  );
}
