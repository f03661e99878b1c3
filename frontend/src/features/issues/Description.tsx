import { Panel } from "@/shared/ui/Panel";
import classes from "./IssuePage.module.css";

/** The author's words, as written. */
export function Description({ text }: { text: string }) {
  return (
    <Panel title="Description">
      <div className={classes.description}>{text}</div>
    </Panel>
  );
}
