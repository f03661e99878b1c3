import { useEffect, useState } from "react";
import { useLive } from "@/api/live";
import classes from "./Shell.module.css";

const PATIENCE_MS = 1_500;

/** Says that what is on the screen may be old; silent while the stream is live or only blinks. */
export function LinkPill() {
  const { link } = useLive();
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (link === "live") return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [link]);
  return (
    <output className={classes.pill} data-shown={late || undefined}>
      {late ? (link === "offline" ? "Offline" : "Reconnecting…") : ""}
    </output>
  );
}
