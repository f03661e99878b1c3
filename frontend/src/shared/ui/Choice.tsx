import classes from "./Choice.module.css";

type Option = { value: string; label: string; count: number };
type Props = {
  label: string;
  options: Option[];
  value: string | undefined;
  onChange: (value: string) => void;
};

/** One of a few, side by side, each with its number. */
export function Choice({ label, options, value, onChange }: Props) {
  return (
    <fieldset className={classes.group}>
      <legend className="visually-hidden">{label}</legend>
      {options.map((o) => (
        <button
          key={o.value}
          type="button"
          className={classes.option}
          aria-pressed={o.value === value}
          onClick={() => onChange(o.value)}
        >
          {o.label} <span className={classes.count}>{o.count.toLocaleString()}</span>
        </button>
      ))}
    </fieldset>
  );
}
