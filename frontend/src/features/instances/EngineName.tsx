import type { Engine } from "@/api/types";
import { ENGINES } from "./engines";
import classes from "./Instances.module.css";

type Props = { engine: Engine; support: "supported" | "experimental"; version?: string | null };

/** The kind of a server, its version, and that it is experimental where it is. */
export function EngineName({ engine, support, version }: Props) {
  return (
    <span className={classes.engine}>
      {ENGINES[engine]}
      {version && <span className={classes.sub}>{version}</span>}
      {support === "experimental" && (
        <span className={classes.experimental} title={EXPERIMENTAL}>
          experimental
        </span>
      )}
    </span>
  );
}

/** What experimental means, for the places that have room to say it. */
export const EXPERIMENTAL =
  "Penstock's tests have not run on servers of this kind. Try it where nothing depends on it.";
