import classes from "./Databases.module.css";

export function Labels({ labels }: { labels: Record<string, string> }) {
  const all = Object.entries(labels);
  if (!all.length) return <span className={classes.quiet}>–</span>;
  return (
    <span className={classes.labels}>
      {all.map(([key, value]) => (
        <span key={key} className={classes.label}>
          {key}:{value}
        </span>
      ))}
    </span>
  );
}
