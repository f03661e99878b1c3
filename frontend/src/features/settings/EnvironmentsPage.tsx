import { ActionIcon, Button, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { environmentsQuery, tiersQuery } from "@/api/queries";
import type { EnvironmentOut } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { FormDialog } from "./FormDialog";
import { LimitField } from "./LimitField";
import { moved, positionsToWrite } from "./order";
import classes from "./Settings.module.css";
import { SlugFields } from "./SlugFields";

function AddDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const tiers = useQuery(tiersQuery);
  const [form, setForm] = useState({ name: "", slug: "", tier: "" });
  const save = useMutation({
    mutationFn: () => catalog.createEnvironment({ slug: form.slug, name: form.name.trim(), tier: form.tier }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["environments"] });
      onClose();
    },
  });
  return (
    <FormDialog
      title="Add environment"
      confirm="Add"
      pending={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <SlugFields
        value={form}
        onChange={(some) => setForm({ ...form, ...some })}
        placeholder="Staging"
        problems={{ name: fieldProblem(save.error, "name"), slug: fieldProblem(save.error, "slug") }}
      />
      <Select
        label="Approval tier"
        placeholder="Choose one"
        allowDeselect={false}
        data={tiers.data?.map((t) => ({ value: t.slug, label: t.name })) ?? []}
        value={form.tier || null}
        error={fieldProblem(save.error, "tier")}
        onChange={(tier) => tier && setForm({ ...form, tier })}
      />
    </FormDialog>
  );
}

/** Environments in rollout order, each with the tier whose approvals it needs. */
export function EnvironmentsPage() {
  const me = useMe();
  const client = useQueryClient();
  const mayEdit = mayInWorkspace(me, "environment.edit");
  const query = useQuery(environmentsQuery);
  const tiers = useQuery(tiersQuery);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<EnvironmentOut | null>(null);
  const [told, setTold] = useState("");
  const refresh = () => client.invalidateQueries({ queryKey: ["environments"] });
  const move = useMutation({
    mutationFn: async ({ list, slug, by }: { list: EnvironmentOut[]; slug: string; by: 1 | -1 }) => {
      for (const w of positionsToWrite(list, moved(list, slug, by)))
        await catalog.patchEnvironment(w.slug, w.version, { position: w.position });
    },
    onSuccess: async (_, { list, slug, by }) => {
      await refresh();
      const at = moved(list, slug, by).findIndex((e) => e.slug === slug);
      setTold(`${slug} is now number ${at + 1} of ${list.length}.`);
    },
    onError: refresh,
  });
  const retier = useMutation({
    mutationFn: ({ environment, tier }: { environment: EnvironmentOut; tier: string }) =>
      catalog.patchEnvironment(environment.slug, environment.version, { tier }),
    onSettled: refresh,
  });
  return (
    <Page
      title="Environments"
      lead="The stops on the way to production, in order. A change goes through them from top to bottom. Each has an approval tier, and may limit how many tasks run there at once."
      actions={
        mayEdit && (
          <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
            Add environment
          </Button>
        )
      }
    >
      {(move.error ?? retier.error) && <ErrorPanel error={move.error ?? retier.error} />}
      <span className="visually-hidden" role="status">
        {told}
      </span>
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
          {(list) => (
            <ol className={classes.rows}>
              {list.map((e, at) => (
                <li
                  key={e.slug}
                  className={classes.row}
                  onKeyDown={(event) => {
                    if (!mayEdit || !event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown"))
                      return;
                    event.preventDefault();
                    move.mutate({ list, slug: e.slug, by: event.key === "ArrowUp" ? -1 : 1 });
                  }}
                >
                  {mayEdit && (
                    <span className={classes.grip}>
                      <ActionIcon
                        size={24}
                        aria-label={`Move ${e.name} up`}
                        aria-disabled={at === 0}
                        onClick={() => at > 0 && move.mutate({ list, slug: e.slug, by: -1 })}
                      >
                        <ArrowUp size={13} />
                      </ActionIcon>
                      <ActionIcon
                        size={24}
                        aria-label={`Move ${e.name} down`}
                        aria-disabled={at === list.length - 1}
                        onClick={() => at < list.length - 1 && move.mutate({ list, slug: e.slug, by: 1 })}
                      >
                        <ArrowDown size={13} />
                      </ActionIcon>
                    </span>
                  )}
                  <div className={classes.grow}>
                    <div className={classes.name}>{e.name}</div>
                    <div className={classes.sub}>
                      {e.slug} · {e.instances} {e.instances === 1 ? "instance" : "instances"} · {e.databases}{" "}
                      databases
                    </div>
                  </div>
                  <LimitField key={e.version} environment={e} mayEdit={mayEdit} />
                  <Select
                    aria-label={`Approval tier of ${e.name}`}
                    w={170}
                    allowDeselect={false}
                    readOnly={!mayEdit}
                    data={tiers.data?.map((t) => ({ value: t.slug, label: t.name })) ?? [e.tier]}
                    value={e.tier}
                    onChange={(tier) => tier && tier !== e.tier && retier.mutate({ environment: e, tier })}
                  />
                  {mayEdit && (
                    <ActionIcon aria-label={`Remove ${e.name}`} onClick={() => setRemoving(e)}>
                      <Trash2 size={15} />
                    </ActionIcon>
                  )}
                </li>
              ))}
            </ol>
          )}
        </QueryGate>
      </div>
      {mayEdit ? (
        <p className={classes.sub}>Alt with the up or down arrow moves the environment that has the focus.</p>
      ) : (
        <p className={classes.sub}>An administrator can change environments.</p>
      )}
      {adding && <AddDialog onClose={() => setAdding(false)} />}
      {removing && (
        <ActionDialog
          title={`Remove ${removing.name}`}
          confirm="Remove this environment"
          danger
          onClose={() => setRemoving(null)}
          run={() => catalog.deleteEnvironment(removing.slug, removing.version).then(refresh)}
        >
          Only an environment without instances can be removed.
        </ActionDialog>
      )}
    </Page>
  );
}
