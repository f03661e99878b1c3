import { ActionIcon, Autocomplete, Button, NumberInput, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { Plus, X } from "lucide-react";
import { NextOpenings } from "./NextOpenings";
import classes from "./Settings.module.css";
import { emptyWindow, nextKey, toWindows, type WindowForm, windowsAreWhole } from "./tierForm";

const ZONES = Intl.supportedValuesOf("timeZone");

type Props = {
  windows: WindowForm[];
  problems: Record<string, string>;
  onChange: (windows: WindowForm[]) => void;
};

/** Maintenance windows: when work may start, and when that is next. */
export function WindowsField({ windows, problems, onChange }: Props) {
  const [settled] = useDebouncedValue(windows, 300);
  const set = (key: number, some: Partial<WindowForm>) =>
    onChange(windows.map((w) => (w.key === key ? { ...w, ...some } : w)));
  return (
    <fieldset className={classes.fieldset}>
      <legend className={classes.name}>Maintenance windows</legend>
      <p className={classes.hint}>
        When work may start; without a window, always. What runs when a window ends is finished. Each begins
        when its cron expression fires: minute, hour, day, month, weekday.
      </p>
      <Stack gap="xs">
        {windows.map((w, at) => (
          <div key={w.key} className={classes.window}>
            <TextInput
              label="Cron"
              aria-label={`Cron of window ${at + 1}`}
              classNames={{ input: "mono" }}
              value={w.cron}
              error={problems[`windows.${w.key}`]}
              onChange={(e) => set(w.key, { cron: e.currentTarget.value })}
            />
            <NumberInput
              label="Minutes"
              aria-label={`Minutes of window ${at + 1}`}
              min={1}
              value={w.minutes}
              onChange={(minutes) => set(w.key, { minutes })}
            />
            <Autocomplete
              label="Time zone"
              aria-label={`Time zone of window ${at + 1}`}
              data={ZONES}
              limit={20}
              value={w.zone}
              onChange={(zone) => set(w.key, { zone })}
            />
            <ActionIcon
              aria-label={`Remove window ${at + 1}`}
              onClick={() => onChange(windows.filter((o) => o.key !== w.key))}
            >
              <X size={15} />
            </ActionIcon>
          </div>
        ))}
        {windows.length > 0 && windowsAreWhole(settled) && <NextOpenings windows={toWindows(settled)} />}
        <div>
          <Button
            variant="default"
            leftSection={<Plus size={14} aria-hidden />}
            onClick={() => onChange([...windows, emptyWindow(nextKey(windows))])}
          >
            Add window
          </Button>
        </div>
      </Stack>
    </fieldset>
  );
}
