import { ActionIcon, Button, NumberInput, Radio, Select, Stack, Switch, TagsInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import type { TierOut } from "@/api/types";
import { say } from "@/shared/ui/say";
import { FormDialog } from "./FormDialog";
import classes from "./Settings.module.css";
import { SlugFields } from "./SlugFields";
import { emptyStep, fromTier, ROLES, type StepForm, type TierForm, tierProblems, toSteps } from "./tierForm";

const SEVERITIES = [
  { value: "error", label: "Errors" },
  { value: "warning", label: "Errors and warnings" },
  { value: "info", label: "Anything it finds" },
];
const labelOf = (who: string) => ROLES.find((r) => r.value === who)?.label ?? who;
const whoOf = (label: string) => ROLES.find((r) => r.label === label)?.value ?? label.trim();

export function TierDialog({ tier, onClose }: { tier: TierOut | null; onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState(() => fromTier(tier));
  const [asked, setAsked] = useState(false);
  const problems = tierProblems(form);
  const shown = asked ? problems : {};
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name: form.name.trim(),
        steps: toSteps(form),
        self_approval: form.self,
        rollout: form.rollout,
        blocking_severity: form.blocking,
      };
      return tier
        ? catalog.patchTier(tier.slug, tier.version, body)
        : catalog.createTier({ slug: form.slug, ...body });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["tiers"] });
      say("Tier saved.");
      onClose();
    },
  });
  const set = (key: number, some: Partial<StepForm>) =>
    setForm({ ...form, steps: form.steps.map((s) => (s.key === key ? { ...s, ...some } : s)) });
  return (
    <FormDialog
      title={tier ? `Edit ${tier.name}` : "Add tier"}
      confirm="Save"
      size="lg"
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
        onChange={(some) => setForm({ ...form, ...some })}
        problems={{ name: shown.name, slug: shown.slug ?? fieldProblem(save.error, "slug") }}
      />
      <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className={classes.name}>Approval steps, in order</legend>
        <p className={classes.sub} style={{ margin: "2px 0 8px" }}>
          Roles, or e-mail addresses of single people. Any one of a step's list may fill it.
        </p>
        <Stack gap="xs">
          <ol className={classes.steps}>
            {form.steps.map((step, at) => (
              <li key={step.key} className={classes.step}>
                <span className={classes.stepNumber}>{at + 1}</span>
                <TagsInput
                  aria-label={`Who may fill step ${at + 1}`}
                  placeholder={step.who.length ? undefined : "Role or e-mail"}
                  data={ROLES.map((r) => r.label)}
                  value={step.who.map(labelOf)}
                  error={shown[step.key]}
                  onChange={(labels) => set(step.key, { who: labels.map(whoOf) })}
                />
                <NumberInput
                  aria-label={`Approvals needed in step ${at + 1}`}
                  min={1}
                  max={10}
                  value={step.count}
                  onChange={(count) => set(step.key, { count })}
                />
                <ActionIcon
                  aria-label={`Remove step ${at + 1}`}
                  onClick={() => setForm({ ...form, steps: form.steps.filter((s) => s.key !== step.key) })}
                >
                  <X size={15} />
                </ActionIcon>
              </li>
            ))}
          </ol>
          <div>
            <Button
              variant="default"
              leftSection={<Plus size={14} aria-hidden />}
              onClick={() =>
                setForm({
                  ...form,
                  steps: [...form.steps, emptyStep(Math.max(0, ...form.steps.map((s) => s.key)) + 1)],
                })
              }
            >
              Add step
            </Button>
          </div>
        </Stack>
      </fieldset>
      <Select
        label="Review holds a stage for"
        allowDeselect={false}
        data={SEVERITIES}
        value={form.blocking}
        onChange={(blocking) => blocking && setForm({ ...form, blocking: blocking as TierForm["blocking"] })}
      />
      <Switch
        size="sm"
        label="The author may approve"
        checked={form.self}
        onChange={(e) => setForm({ ...form, self: e.currentTarget.checked })}
      />
      <Radio.Group
        label="When everything is approved"
        value={form.rollout}
        onChange={(rollout) => setForm({ ...form, rollout: rollout === "manual" ? "manual" : "auto" })}
      >
        <Stack gap={10} mt={6}>
          <Radio size="xs" value="auto" label="The stage runs by itself" />
          <Radio size="xs" value="manual" label="Somebody runs the stage by hand" />
        </Stack>
      </Radio.Group>
    </FormDialog>
  );
}
