import type { Step } from "../draft";
import classes from "./NewChange.module.css";

const STEPS: [Step, string, string][] = [
  [1, "Targets", "Project and databases"],
  [2, "SQL", "Title and scripts"],
  [3, "Check and file", "Stages and approvals"],
];

/** Where one is; every step can be gone to at any time. */
export function Steps({ current, onGo }: { current: Step; onGo: (step: Step) => void }) {
  return (
    <nav aria-label="Steps">
      <ol className={classes.steps}>
        {STEPS.map(([step, name, about]) => (
          <li key={step}>
            <button
              type="button"
              className={classes.step}
              aria-current={step === current ? "step" : undefined}
              onClick={() => onGo(step)}
            >
              <span className={classes.number}>{step}</span>
              <span>
                <span className={classes.stepName}>{name}</span>
                <span className={classes.about}>{about}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
