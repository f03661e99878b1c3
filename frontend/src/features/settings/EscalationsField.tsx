import { ActionIcon, Button, NumberInput, Select, Stack, Switch, Text } from "@mantine/core";
import { Plus, X } from "lucide-react";
import classes from "./Settings.module.css";
import { StepsField } from "./StepsField";
import { type Choice, type EscalationForm, emptyEscalation, nextKey } from "./tierForm";

const SEVERITIES = [
  { value: "", label: "Does not matter" },
  { value: "error", label: "An error" },
  { value: "warning", label: "A warning or worse" },
  { value: "info", label: "Anything" },
];

type Props = {
  escalations: EscalationForm[];
  choices: Choice[];
  problems: Record<string, string>;
  onChange: (escalations: EscalationForm[]) => void;
};

/** When a change needs more approvals than usual, and whose. */
export function EscalationsField({ escalations, choices, problems, onChange }: Props) {
  const set = (key: number, some: Partial<EscalationForm>) =>
    onChange(escalations.map((e) => (e.key === key ? { ...e, ...some } : e)));
  return (
    <fieldset className={classes.fieldset}>
      <legend className={classes.name}>More approvals for some changes</legend>
      <p className={classes.hint}>
        Steps that are added where all of the chosen conditions hold. What nobody knows, such as the size of a
        table that was never measured, counts as holding.
      </p>
      <Stack gap="xs">
        {escalations.map((e, at) => {
          const of = ` of rule ${at + 1}`;
          return (
            <fieldset key={e.key} className={classes.card} aria-label={`Rule ${at + 1}`}>
              <div className={classes.cardHead}>
                <span className={classes.name}>Rule {at + 1}</span>
                <ActionIcon
                  aria-label={`Remove rule ${at + 1}`}
                  onClick={() => onChange(escalations.filter((o) => o.key !== e.key))}
                >
                  <X size={15} />
                </ActionIcon>
              </div>
              <Switch
                size="sm"
                label="The change removes data"
                checked={e.destructive}
                onChange={(event) => set(e.key, { destructive: event.currentTarget.checked })}
              />
              <div className={classes.triple}>
                <Select
                  label="Review found"
                  allowDeselect={false}
                  data={SEVERITIES}
                  value={e.severity}
                  onChange={(severity) =>
                    set(e.key, { severity: (severity ?? "") as EscalationForm["severity"] })
                  }
                />
                <NumberInput
                  label="Table with more rows than"
                  placeholder="Any"
                  min={0}
                  thousandSeparator=" "
                  value={e.rows}
                  onChange={(rows) => set(e.key, { rows })}
                />
                <NumberInput
                  label="Table larger than (MB)"
                  placeholder="Any"
                  min={0}
                  thousandSeparator=" "
                  value={e.size}
                  onChange={(size) => set(e.key, { size })}
                />
              </div>
              <StepsField
                of={of}
                at={`escalations.${e.key}.steps.`}
                steps={e.steps}
                choices={choices}
                problems={problems}
                onChange={(steps) => set(e.key, { steps })}
              />
              {problems[`escalations.${e.key}`] && (
                <Text size="xs" c="var(--mantine-color-error)" role="alert">
                  {problems[`escalations.${e.key}`]}
                </Text>
              )}
            </fieldset>
          );
        })}
        <div>
          <Button
            variant="default"
            leftSection={<Plus size={14} aria-hidden />}
            onClick={() => onChange([...escalations, emptyEscalation(nextKey(escalations))])}
          >
            Add rule
          </Button>
        </div>
      </Stack>
    </fieldset>
  );
}
