import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";
import classes from "./Toasts.module.css";
import { currentToasts, dismiss, subscribe } from "./toast";

/** Where short messages appear; a screen reader hears them when it has time. */
export function Toasts() {
  const toasts = useSyncExternalStore(subscribe, currentToasts);
  return (
    <div className={classes.stack} role="status" aria-live="polite">
      {toasts.map((t) => (
        <div key={t.id} className={classes.toast} data-bad={t.bad || undefined}>
          {t.bad ? <CircleAlert size={16} aria-hidden /> : <CircleCheck size={16} aria-hidden />}
          <div className={classes.text}>
            {t.title && <strong>{t.title}</strong>}
            {t.message}
          </div>
          <button type="button" className={classes.close} aria-label="Dismiss" onClick={() => dismiss(t.id)}>
            <X size={14} aria-hidden />
          </button>
        </div>
      ))}
    </div>
  );
}
