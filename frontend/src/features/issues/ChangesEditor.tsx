import { Button, FileButton, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { FileUp, Plus, Trash2 } from "lucide-react";
import { lazy, Suspense } from "react";
import { sayError } from "@/shared/ui/say";
import classes from "./ChangesEditor.module.css";
import { addFiles, type DraftChange, emptyChange } from "./draft";

const SqlEditor = lazy(() => import("@/features/sql/SqlEditor").then((m) => ({ default: m.SqlEditor })));

type Props = {
  changes: DraftChange[];
  onChange: (changes: DraftChange[]) => void;
  problems: Record<string, string>;
  engine: string | null;
  schema?: Record<string, string[]> | undefined;
};

const HINT = "ALTER TABLE orders ADD COLUMN currency char(3) NOT NULL DEFAULT 'USD';";

/** The scripts of a change: one, or several that run in this order, each with a version. */
export function ChangesEditor({ changes, onChange, problems, engine, schema }: Props) {
  const set = (key: number, some: Partial<DraftChange>) =>
    onChange(changes.map((c) => (c.key === key ? { ...c, ...some } : c)));
  const upload = async (files: File[]) => {
    const texts = await Promise.all(files.map(async (f) => ({ name: f.name, text: await f.text() })));
    onChange(addFiles(changes, texts));
  };
  const several = changes.length > 1;
  return (
    <Stack gap="md">
      {changes.map((change, at) => {
        const problem = problems[`changes.${at}.statement`];
        return (
          <fieldset key={change.key} className={classes.change}>
            <legend className="visually-hidden">{several ? `Change ${at + 1}` : "SQL"}</legend>
            {(several || change.version || change.name) && (
              <div className={classes.fields}>
                <TextInput
                  label="Version"
                  placeholder="2026.11.3"
                  value={change.version}
                  error={problems[`changes.${at}.version`]}
                  onChange={(e) => set(change.key, { version: e.currentTarget.value })}
                />
                <TextInput
                  label="Name"
                  placeholder="add_currency"
                  className={classes.name}
                  value={change.name}
                  error={problems[`changes.${at}.name`]}
                  onChange={(e) => set(change.key, { name: e.currentTarget.value })}
                />
                {several && (
                  <Button
                    variant="subtle"
                    color="gray"
                    className={classes.remove}
                    leftSection={<Trash2 size={14} aria-hidden />}
                    onClick={() => onChange(changes.filter((c) => c.key !== change.key))}
                  >
                    Remove
                  </Button>
                )}
              </div>
            )}
            <Suspense fallback={<Skeleton h={200} />}>
              <SqlEditor
                value={change.statement}
                label={several ? `SQL of change ${at + 1}` : "SQL"}
                engine={engine}
                schema={schema}
                hint={HINT}
                invalid={problem !== undefined}
                onChange={(statement) => set(change.key, { statement })}
              />
            </Suspense>
            {problem && (
              <Text size="xs" c="var(--mantine-color-error)" mt={4}>
                {problem}
              </Text>
            )}
          </fieldset>
        );
      })}
      <div className={classes.buttons}>
        <FileButton
          multiple
          accept=".sql,.pgsql,.ddl,.txt"
          onChange={(files) => void upload(files).catch(sayError)}
        >
          {(props) => (
            <Button {...props} variant="default" leftSection={<FileUp size={14} aria-hidden />}>
              Upload files
            </Button>
          )}
        </FileButton>
        <Button
          variant="default"
          leftSection={<Plus size={14} aria-hidden />}
          onClick={() => onChange([...changes, emptyChange(Math.max(...changes.map((c) => c.key)) + 1)])}
        >
          Add another change
        </Button>
      </div>
    </Stack>
  );
}
