import { Check, X } from "lucide-react";
import type { InstanceTest } from "@/api/types";
import classes from "./Instances.module.css";

const NAMES: Record<string, string> = {
  dns: "DNS",
  tcp: "TCP",
  tls: "TLS",
  login: "Login",
  version: "Version",
  privileges: "Privileges",
};

/** A connection test, step by step: where it stops is where to look. */
export function TestSteps({ test }: { test: InstanceTest }) {
  const good = test.reachable && test.authenticated && test.steps.every((s) => s.ok);
  return (
    <div role="status">
      <p className={classes.verdict}>
        <strong>
          {good
            ? `Connected${test.version ? ` to ${test.version}` : ""}.`
            : "The connection does not work yet."}
        </strong>{" "}
        {test.support === "experimental" && <span className={classes.experimental}>experimental</span>}
      </p>
      <ol className={classes.steps}>
        {test.steps.map((s) => (
          <li key={s.name} data-ok={s.ok}>
            {s.ok ? <Check size={14} aria-label="passed" /> : <X size={14} aria-label="failed" />}
            <span>{NAMES[s.name] ?? s.name}</span>
            <span>{s.detail}</span>
            <span className={classes.ms}>{s.ms < 10 ? s.ms.toFixed(1) : Math.round(s.ms)} ms</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
