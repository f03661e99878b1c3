import { Stack, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { schemaQuery } from "@/api/queries";
import type { DatabaseOut } from "@/api/types";
import { completionSchema } from "@/features/sql/completion";
import { ChangesEditor } from "../ChangesEditor";
import type { Draft } from "../draft";

type Props = {
  draft: Draft;
  first: DatabaseOut | undefined;
  problems: Record<string, string>;
  onChange: (some: Partial<Draft>) => void;
};

/** Step 2: what it is called and the SQL, with completion from the first chosen database. */
export function SqlStep({ draft, first, problems, onChange }: Props) {
  const schema = useQuery({ ...schemaQuery(first?.id ?? 0), enabled: first?.synced_at != null });
  const completion = useMemo(() => completionSchema(schema.data), [schema.data]);
  return (
    <Stack gap="md">
      <TextInput
        label="Title"
        placeholder="Add currency to orders"
        maxLength={200}
        value={draft.title}
        error={problems.title}
        onChange={(e) => onChange({ title: e.currentTarget.value })}
      />
      <Textarea
        label="Description"
        placeholder="Why, and what a reviewer should know"
        autosize
        minRows={2}
        maxRows={12}
        value={draft.description}
        error={problems.description}
        onChange={(e) => onChange({ description: e.currentTarget.value })}
      />
      <ChangesEditor
        changes={draft.changes}
        onChange={(changes) => onChange({ changes })}
        problems={problems}
        engine={first?.engine ?? null}
        schema={completion}
      />
    </Stack>
  );
}
