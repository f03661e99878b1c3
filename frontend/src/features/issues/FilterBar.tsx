import { Button, Menu, TextInput } from "@mantine/core";
import { Plus, Search, X } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useCommands } from "@/app/commands";
import classes from "./FilterBar.module.css";
import { chips, type Filter, filterProblems, formatFilter, parseFilter, without } from "./filter";

type Props = { text: string; projects: string[]; onChange: (text: string) => void };

const NAMES = {
  is: "Status",
  project: "Project",
  env: "Environment",
  author: "Author",
  label: "Label",
  waiting: "Waiting for",
};

const PRESETS: { label: string; filter: Filter }[] = [
  { label: "Open", filter: { is: "open" } },
  { label: "Waiting for me", filter: { is: "open", waiting: "me" } },
  { label: "Filed by me", filter: { author: "me" } },
  { label: "Done", filter: { is: "done" } },
];

/** The filter as text and as chips: both are the same thing, and the URL keeps it. */
export function FilterBar({ text, projects, onChange }: Props) {
  const [typed, setTyped] = useState(text);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(text), [text]);
  useCommands(
    [
      {
        id: "palette",
        label: "Search the list",
        group: "List",
        keys: "/",
        run: () => input.current?.focus(),
      },
    ],
    "filter",
  );
  const filter = parseFilter(text);
  const problems = filterProblems(filter);
  const set = (next: Filter) => onChange(formatFilter(next));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onChange(formatFilter(parseFilter(typed)));
  };
  return (
    <div className={classes.bar}>
      <form onSubmit={submit} className={classes.form}>
        <search>
          <TextInput
            ref={input}
            aria-label="Filter issues"
            placeholder="is:open project:shop env:prod author:me waiting:me words in the title"
            leftSection={<Search size={14} aria-hidden />}
            value={typed}
            error={problems.map((p) => p.message).join("; ") || undefined}
            onChange={(e) => setTyped(e.currentTarget.value)}
            onBlur={() => typed !== text && onChange(formatFilter(parseFilter(typed)))}
          />
        </search>
      </form>
      <div className={classes.chips}>
        {PRESETS.map(({ label, filter: preset }) => {
          const on = formatFilter(preset) === formatFilter(filter);
          return (
            <Button
              key={label}
              variant={on ? "light" : "subtle"}
              color={on ? undefined : "gray"}
              size="compact-xs"
              aria-pressed={on}
              onClick={() => set(on ? {} : preset)}
            >
              {label}
            </Button>
          );
        })}
        <Menu position="bottom-start">
          <Menu.Target>
            <Button
              variant="subtle"
              color="gray"
              size="compact-xs"
              leftSection={<Plus size={12} aria-hidden />}
            >
              Project
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {projects.length === 0 && <Menu.Label>You are in no project yet</Menu.Label>}
            {projects.map((project) => (
              <Menu.Item key={project} onClick={() => set({ ...filter, project })}>
                {project}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        {chips(filter).map(({ field, value }) => (
          <button
            key={field}
            type="button"
            className={classes.chip}
            onClick={() => set(without(filter, field))}
            aria-label={`Remove filter ${NAMES[field]} ${value}`}
          >
            {NAMES[field]}: <strong>{value}</strong>
            <X size={12} aria-hidden />
          </button>
        ))}
      </div>
    </div>
  );
}
