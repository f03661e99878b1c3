import { NumberInput, Radio, Select, Stack, Switch } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { ApiError, fieldProblem } from "@/api/errors";
import { groupsQuery } from "@/api/queries";
import type { TierOut } from "@/api/types";
import { say } from "@/shared/ui/say";
import { EscalationsField } from "./EscalationsField";
import { FormDialog } from "./FormDialog";
import classes from "./Settings.module.css";
import { SlugFields } from "./SlugFields";
import { StepsField } from "./StepsField";
import { choices, fromTier, placedProblems, type TierForm, tierProblems, toTier } from "./tierForm";
import { WindowsField } from "./WindowsField";

const SEVERITIES = [
  { value: "error", label: "Errors" },
  { value: "warning", label: "Errors and warnings" },
  { value: "info", label: "Anything it finds" },
];

/** All rules of an environment in one place. */
export function TierDialog({ tier, onClose }: { tier: TierOut | null; onClose: () => void }) {
  const client = useQueryClient();
  const groups = useQuery(groupsQuery);
  const [form, setForm] = useState(() => fromTier(tier));
  const [asked, setAsked] = useState(false);
  const problems = tierProblems(form);
  const edit = (some: Partial<TierForm>) => setForm({ ...form, ...some });
  const save = useMutation({
    mutationFn: () =>
      tier
        ? catalog.patchTier(tier.slug, tier.version, toTier(form))
        : catalog.createTier({ slug: form.slug, ...toTier(form) }),
    onSuccess: async () => {
      for (const key of ["tiers", "issue", "issues"]) void client.invalidateQueries({ queryKey: [key] });
      say("Tier saved.");
      onClose();
    },
  });
  const refused = save.error instanceof ApiError ? placedProblems(form, save.error.problem.errors ?? []) : {};
  const shown: Record<string, string> = { ...refused, ...(asked ? problems : {}) };
  const whom = choices(groups.data ?? []);
  return (
    <FormDialog
      title={tier ? `Edit ${tier.name}` : "Add tier"}
      confirm="Save"
      size="xl"
      pending={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (!Object.keys(problems).length) save.mutate();
      }}
    >
      <SlugFields
        value={form}
        editing={tier !== null}
        onChange={edit}
        problems={{ name: shown.name, slug: shown.slug ?? fieldProblem(save.error, "slug") }}
      />
      <fieldset className={classes.fieldset}>
        <legend className={classes.name}>Approval steps, in order</legend>
        <p className={classes.hint}>
          Roles, groups, or e-mail addresses of single people: any of a step's list may fill it, each person
          at most one step. The number says how many must.
        </p>
        <StepsField
          of=""
          at="steps."
          steps={form.steps}
          choices={whom}
          problems={shown}
          onChange={(steps) => edit({ steps })}
        />
      </fieldset>
      <EscalationsField
        escalations={form.escalations}
        choices={whom}
        problems={shown}
        onChange={(escalations) => edit({ escalations })}
      />
      <Switch
        size="sm"
        label="The author may approve"
        description="Otherwise neither who filed a change nor who edited it last"
        checked={form.self}
        onChange={(e) => edit({ self: e.currentTarget.checked })}
      />
      <Select
        label="Review holds a stage for"
        allowDeselect={false}
        data={SEVERITIES}
        value={form.blocking}
        onChange={(blocking) => blocking && edit({ blocking: blocking as TierForm["blocking"] })}
      />
      <Switch
        size="sm"
        label="Lower environments come first"
        description="Held until the same release is applied in every lower environment"
        checked={form.lowerFirst}
        onChange={(e) => edit({ lowerFirst: e.currentTarget.checked })}
      />
      <NumberInput
        label="Soak, in minutes"
        description="How long the release must have been in the environment before"
        min={0}
        value={form.soak}
        error={shown.soak}
        onChange={(soak) => edit({ soak })}
      />
      <WindowsField windows={form.windows} problems={shown} onChange={(windows) => edit({ windows })} />
      <Radio.Group
        label="When everything is approved"
        value={form.rollout}
        onChange={(rollout) => edit({ rollout: rollout === "manual" ? "manual" : "auto" })}
      >
        <Stack gap={10} mt={6}>
          <Radio size="xs" value="auto" label="The stage runs by itself" />
          <Radio size="xs" value="manual" label="Somebody runs the stage by hand" />
        </Stack>
      </Radio.Group>
    </FormDialog>
  );
}
