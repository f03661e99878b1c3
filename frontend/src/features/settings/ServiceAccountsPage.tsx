import { Button, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bot, KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { auth } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { serviceAccountsQuery } from "@/api/queries";
import type { ServiceAccountOut } from "@/api/types";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { FormDialog } from "./FormDialog";
import classes from "./Settings.module.css";
import { TokenDialog } from "./TokenDialog";

function AddDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [asked, setAsked] = useState(false);
  const save = useMutation({
    mutationFn: () => auth.createServiceAccount({ name: name.trim() }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["service-accounts"] });
      onClose();
    },
  });
  return (
    <FormDialog
      title="Add service account"
      confirm="Add"
      pending={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (name.trim()) save.mutate();
      }}
    >
      <TextInput
        label="Name"
        placeholder="CI of shop"
        data-autofocus
        value={name}
        error={asked && !name.trim() ? "Which program is it?" : fieldProblem(save.error, "name")}
        onChange={(e) => setName(e.currentTarget.value)}
      />
    </FormDialog>
  );
}

/** Identities of programs: they file, watch and report, and never approve. */
export function ServiceAccountsPage() {
  const query = useQuery(serviceAccountsQuery);
  const [adding, setAdding] = useState(false);
  const [issuing, setIssuing] = useState<ServiceAccountOut | null>(null);
  const add = (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
      Add service account
    </Button>
  );
  return (
    <Page
      title="Service accounts"
      lead="For programs such as CI: they file, watch and report. They can never approve."
      actions={add}
    >
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={2} />}>
          {(accounts) =>
            accounts.length ? (
              <ul className={classes.rows}>
                {accounts.map((a) => (
                  <li key={a.id} className={classes.row}>
                    <div className={classes.grow}>
                      <div className={classes.name}>{a.name}</div>
                      <div className={classes.sub}>
                        number {a.id} · added <TimeAgo iso={a.created_at} />
                      </div>
                    </div>
                    {a.disabled && <StatusBadge status="canceled" label="Disabled" size="sm" />}
                    <Button
                      variant="default"
                      leftSection={<KeyRound size={14} aria-hidden />}
                      onClick={() => setIssuing(a)}
                      aria-label={`New token of ${a.name}`}
                    >
                      New token
                    </Button>
                  </li>
                ))}
              </ul>
            ) : (
              <EmptyPanel icon={Bot} title="No service accounts" action={add}>
                Add one for CI, add it as a developer to a project by its number, then create a token for it.
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      {adding && <AddDialog onClose={() => setAdding(false)} />}
      {issuing && <TokenDialog account={issuing} onClose={() => setIssuing(null)} />}
    </Page>
  );
}
