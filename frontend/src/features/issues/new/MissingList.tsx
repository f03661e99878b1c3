import { Button } from "@mantine/core";
import type { Missing, Step } from "../draft";
import classes from "./NewChange.module.css";

type Props = { missing: Missing[]; current: Step; onGo: (step: Step) => void };

/** What is still missing: Next is never disabled, it says this instead. */
export function MissingList({ missing, current, onGo }: Props) {
  if (!missing.length) return null;
  return (
    <div className={classes.missing} role="alert">
      <strong>Not yet:</strong>
      <ul>
        {missing.map((m) => (
          <li key={m.field + m.message}>
            {m.message}{" "}
            {m.step !== current && (
              <Button variant="subtle" size="compact-xs" onClick={() => onGo(m.step)}>
                Go to step {m.step}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
