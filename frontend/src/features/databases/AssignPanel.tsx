import { Button, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { databaseQuery, projectsQuery } from "@/api/queries";
import type { DatabaseOut } from "@/api/types";
import { may, useMe } from "@/app/session";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Panel } from "@/shared/ui/Panel";
import { say } from "@/shared/ui/say";
import { Labels } from "./Labels";
import { formatLabels, parseLabels } from "./labelText";

/** To which project a database belongs, and its labels. */
export function AssignPanel({ database }: { database: DatabaseOut }) {
  const me = useMe();
  const client = useQueryClient();
  const projects = useQuery(projectsQuery);
  const [project, setProject] = useState(database.project);
  const [labels, setLabels] = useState(formatLabels(database.labels));
  const read = parseLabels(labels);
  const save = useMutation({
    mutationFn: () => catalog.patchDatabase(database.id, database.version, { project, labels: read.labels }),
    onSuccess: (fresh) => {
      client.setQueryData(databaseQuery(database.id).queryKey, fresh);
      void client.invalidateQueries({ queryKey: ["databases"] });
      void client.invalidateQueries({ queryKey: ["projects"] });
      say("Saved.");
    },
  });
  if (!may(me, "database.edit", database.project ?? undefined))
    return (
      <Panel title="Belongs to">
        <Stack gap="xs">
          <Text size="sm">{database.project ?? "No project yet"}</Text>
          <Labels labels={database.labels} />
          <Text size="xs" c="dimmed">
            A project owner or a DBA can change this.
          </Text>
        </Stack>
      </Panel>
    );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!read.problem) save.mutate();
  };
  return (
    <Panel title="Belongs to">
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Select
            label="Project"
            placeholder="None"
            clearable
            searchable
            clearButtonProps={{ "aria-label": "No project" }}
            data={projects.data?.map((p) => ({ value: p.slug, label: p.name })) ?? []}
            value={project}
            error={fieldProblem(save.error, "project")}
            onChange={setProject}
          />
          <TextInput
            label="Labels"
            description="key:value, separated by commas"
            placeholder="region:eu, tier:gold"
            value={labels}
            error={read.problem ?? fieldProblem(save.error, "labels")}
            onChange={(e) => setLabels(e.currentTarget.value)}
          />
          {save.error && <ErrorPanel error={save.error} />}
          <Button type="submit" loading={save.isPending} variant="default">
            Save
          </Button>
        </Stack>
      </form>
    </Panel>
  );
}
