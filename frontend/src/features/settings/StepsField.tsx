import { ActionIcon, Button, NumberInput, Stack, TagsInput } from "@mantine/core";
import { ArrowDown, ArrowUp, Plus, X } from "lucide-react";
import classes from "./Settings.module.css";
import { type Choice, emptyStep, nextKey, type StepForm } from "./tierForm";

type Props = {
  /** What the steps are of, to tell the fields of several lists apart. */
  of: string;
  steps: StepForm[];
  choices: Choice[];
  problems: Record<string, string>;
  /** Where the problems of these steps are found. */
  at: string;
  onChange: (steps: StepForm[]) => void;
};

/** Approval steps in order: who may fill each, and how many of them must. */
export function StepsField({ of, steps, choices, problems, at, onChange }: Props) {
  const labelOf = (who: string) => choices.find((c) => c.value === who)?.label ?? who;
  const whoOf = (label: string) => choices.find((c) => c.label === label)?.value ?? label.trim();
  const set = (key: number, some: Partial<StepForm>) =>
    onChange(steps.map((s) => (s.key === key ? { ...s, ...some } : s)));
  const move = (index: number, by: 1 | -1) => {
    const next = [...steps];
    next.splice(index + by, 0, ...next.splice(index, 1));
    onChange(next);
  };
  return (
    <Stack gap="xs">
      <ol className={classes.steps}>
        {steps.map((step, index) => (
          <li key={step.key} className={classes.step}>
            <span className={classes.stepNumber}>{index + 1}</span>
            <TagsInput
              aria-label={`Who may fill step ${index + 1}${of}`}
              placeholder={step.who.length ? undefined : "Role, group or e-mail"}
              data={choices.map((c) => c.label)}
              value={step.who.map(labelOf)}
              error={problems[`${at}${step.key}`]}
              onChange={(labels) => set(step.key, { who: labels.map(whoOf) })}
            />
            <NumberInput
              aria-label={`Approvals needed in step ${index + 1}${of}`}
              min={1}
              max={10}
              value={step.count}
              onChange={(count) => set(step.key, { count })}
            />
            <span className={classes.stepActions}>
              {index > 0 && (
                <ActionIcon aria-label={`Move step ${index + 1}${of} up`} onClick={() => move(index, -1)}>
                  <ArrowUp size={14} />
                </ActionIcon>
              )}
              {index < steps.length - 1 && (
                <ActionIcon aria-label={`Move step ${index + 1}${of} down`} onClick={() => move(index, 1)}>
                  <ArrowDown size={14} />
                </ActionIcon>
              )}
              <ActionIcon
                aria-label={`Remove step ${index + 1}${of}`}
                onClick={() => onChange(steps.filter((s) => s.key !== step.key))}
              >
                <X size={15} />
              </ActionIcon>
            </span>
          </li>
        ))}
      </ol>
      <div>
        <Button
          variant="default"
          leftSection={<Plus size={14} aria-hidden />}
          onClick={() => onChange([...steps, emptyStep(nextKey(steps))])}
        >
          Add step{of}
        </Button>
      </div>
    </Stack>
  );
}
