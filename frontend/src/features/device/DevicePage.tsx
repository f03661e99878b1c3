import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { meQuery } from "@/api/queries";
import type { DeviceDecision } from "@/api/types";
import { Logo } from "@/app/Logo";
import { useTitle } from "@/shared/ui/Page";
import { CodeForm } from "./CodeForm";
import { DecisionForm } from "./DecisionForm";
import classes from "./Device.module.css";
import { Outcome } from "./Outcome";

const route = getRouteApi("/device");

/** Allows a command line to sign in as oneself: `penstock login` leads here with a code. */
export function DevicePage() {
  useTitle("Sign in a command line");
  const { code } = route.useSearch();
  const navigate = route.useNavigate();
  const me = useQuery(meQuery);
  const [decision, setDecision] = useState<DeviceDecision["decision"] | null>(null);
  return (
    <main className={classes.page}>
      <div className={classes.card}>
        <Logo size={40} />
        <Title order={1}>Sign in a command line</Title>
        {me.data && (
          <p className={classes.lead}>
            You are signed in as <strong>{me.data.name}</strong>
            {me.data.email && ` (${me.data.email})`}.
          </p>
        )}
        {decision ? (
          <Outcome decision={decision} />
        ) : code ? (
          <DecisionForm
            key={code}
            code={code}
            onDecided={setDecision}
            onOther={() => void navigate({ search: {} })}
          />
        ) : (
          <CodeForm onCode={(typed) => void navigate({ search: { code: typed } })} />
        )}
      </div>
    </main>
  );
}
