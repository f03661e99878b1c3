import { Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { schemaQuery } from "@/api/queries";
import type { DatabaseOut } from "@/api/types";
import { ENGINES } from "@/features/instances/engines";
import { completionSchema } from "@/features/sql/completion";
import { ChangesEditor } from "../ChangesEditor";
import type { Draft } from "../draft";
import { enginesOf } from "../preview";

type Props = {
  draft: Draft;
  chosen: DatabaseOut[];
  problems: Record<string, string>;
  onChange: (some: Partial<Draft>) => void;
};

/** Step 2: what it is called and the SQL, with completion from the first chosen database. */
export function SqlStep({ draft, chosen, problems, onChange }: Props) {
  const first = chosen[0];
  const engines = enginesOf(chosen).map((engine) => ENGINES[engine]);
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
      {engines.length > 1 && (
        <Text size="sm" c="dimmed">
          The chosen databases are of {engines.join(" and ")}. The same SQL runs on all of them, so write what
          all of them understand, or file one change for each.
        </Text>
      )}
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
