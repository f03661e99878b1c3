import { Button, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bot, KeyRound } from "lucide-react";
import { useState } from "react";
import { auth } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { serviceAccountsQuery } from "@/api/queries";
import type { ServiceAccountOut } from "@/api/types";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import { FormDialog } from "./FormDialog";
import { ListPage } from "./ListPage";
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
  return (
    <ListPage
      title="Service accounts"
      lead="For programs such as CI: they file, watch and report. They can never approve."
      query={query}
      add={{ label: "Add service account", run: () => setAdding(true) }}
      empty={{
        icon: Bot,
        title: "No service accounts",
        text: "Add one for CI, add it as a developer to a project by its number, then create a token for it.",
      }}
      row={(a) => ({
        key: a.id,
        name: a.name,
        about: [
          <>
            number {a.id} · added <TimeAgo iso={a.created_at} />
          </>,
        ],
        actions: (
          <>
            {a.disabled && <StatusBadge status="canceled" label="Disabled" size="sm" />}
            <Button
              variant="default"
              leftSection={<KeyRound size={14} aria-hidden />}
              onClick={() => setIssuing(a)}
              aria-label={`New token of ${a.name}`}
            >
              New token
            </Button>
          </>
        ),
      })}
    >
      {adding && <AddDialog onClose={() => setAdding(false)} />}
      {issuing && <TokenDialog account={issuing} onClose={() => setIssuing(null)} />}
    </ListPage>
  );
}
