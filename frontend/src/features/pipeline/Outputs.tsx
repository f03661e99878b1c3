import { valueText } from "./facts";
import classes from "./TaskFacts.module.css";
import type { Value } from "./taskTitle";

/** Names with values. */
export function Outputs({ label, outputs }: { label: string; outputs: Record<string, Value> }) {
  const names = Object.keys(outputs);
  if (!names.length) return null;
  return (
    <section aria-label={label}>
      <h4 className={classes.heading}>{label}</h4>
      <dl className={classes.outputs}>
        {names.map((name) => (
          <div key={name}>
            <dt className="mono">{name}</dt>
            <dd className="mono">{valueText(outputs[name] ?? null)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
