import { Button, Group } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { auth } from "@/api/endpoints";
import { explain } from "@/api/errors";
import { deviceLoginQuery } from "@/api/queries";
import type { DeviceDecision } from "@/api/types";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Device.module.css";

type Decision = DeviceDecision["decision"];
type Props = { code: string; onDecided: (decision: Decision) => void; onOther: () => void };

/** Shows who asks and what allowing means, and lets one decide. */
export function DecisionForm({ code, onDecided, onOther }: Props) {
  const asking = useQuery(deviceLoginQuery(code));
  const decide = useMutation({
    mutationFn: (decision: Decision) => auth.decideDeviceLogin(code, decision),
    onSuccess: (_, decision) => onDecided(decision),
  });
  const error = asking.error ?? decide.error;
  return (
    <>
      {error && (
        <p className={classes.error} role="alert">
          {explain(error)}
        </p>
      )}
      {asking.isPending && <p role="status">Looking for the code…</p>}
      {asking.data && (
        <>
          <dl className={classes.facts}>
            <dt>Code</dt>
            <dd className={classes.code}>{asking.data.user_code}</dd>
            <dt>Calls itself</dt>
            <dd>{asking.data.name}</dd>
            <dt>From address</dt>
            <dd className="mono">{asking.data.address}</dd>
            <dt>Started</dt>
            <dd>
              <TimeAgo iso={asking.data.created_at} />
            </dd>
          </dl>
          <p className={classes.meaning}>
            If you allow it, that command line can do everything that you can, for 90 days or until you revoke
            its token. Allow it only if you started it yourself and your terminal shows this code. If somebody
            sent you the code or a link, deny it.
          </p>
          <Group grow>
            <Button
              variant="default"
              disabled={decide.isPending}
              loading={decide.isPending && decide.variables === "deny"}
              onClick={() => decide.mutate("deny")}
            >
              Deny
            </Button>
            <Button
              disabled={decide.isPending}
              loading={decide.isPending && decide.variables === "allow"}
              onClick={() => decide.mutate("allow")}
            >
              Allow
            </Button>
          </Group>
        </>
      )}
      {error && (
        <Button variant="default" onClick={onOther}>
          Type another code
        </Button>
      )}
    </>
  );
}
