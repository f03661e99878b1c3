import type { DatabaseOut } from "@/api/types";
import classes from "./NewChange.module.css";

/** What a database group selects now: this is frozen when the change is filed. */
export function GroupTargets({ group, selected }: { group: string; selected: DatabaseOut[] }) {
  const count = selected.length === 1 ? "1 database" : `${selected.length} databases`;
  return (
    <aside className={classes.resolved} aria-label="Databases of the group">
      <h3>
        {group}: {count} now
      </h3>
      <ul>
        {selected.slice(0, 200).map((d) => (
          <li key={d.id}>
            {d.instance}/{d.name} ({d.environment})
          </li>
        ))}
      </ul>
      <p>
        Those that it selects when you file the change are frozen into it; who joins later is shown on its
        page.
      </p>
    </aside>
  );
}
