import { Button, Checkbox, Select, Skeleton, Text, TextInput } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Database, Search } from "lucide-react";
import { useState } from "react";
import type { DatabaseGroupOut, DatabaseOut, EnvironmentOut, ProjectOut } from "@/api/types";
import { ENGINES } from "@/features/instances/engines";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import type { Draft } from "../draft";
import { enginesOf, groupDatabases } from "../preview";
import { GroupTargets } from "./GroupTargets";
import classes from "./NewChange.module.css";

type Props = {
  draft: Draft;
  projects: ProjectOut[];
  environments: EnvironmentOut[];
  databases: UseQueryResult<DatabaseOut[]>;
  groups: DatabaseGroupOut[];
  /** What the chosen group selects; null without one. */
  selected: DatabaseOut[] | null;
  problems: Record<string, string>;
  onChange: (some: Partial<Draft>) => void;
};

function Databases({
  draft,
  all,
  environments,
  onChange,
}: { all: DatabaseOut[] } & Pick<Props, "draft" | "environments" | "onChange">) {
  const [search, setSearch] = useState("");
  const groups = groupDatabases(all, environments, search);
  const chosen = new Set(draft.databases);
  const mixed = enginesOf(all).length > 1;
  const set = (ids: number[], on: boolean) =>
    onChange({
      databases: on
        ? [...new Set([...draft.databases, ...ids])]
        : draft.databases.filter((d) => !ids.includes(d)),
    });
  if (!all.length)
    return (
      <EmptyPanel
        icon={Database}
        title="This project has no databases yet"
        action={
          <Button component={Link} to="/databases" variant="default">
            Assign databases
          </Button>
        }
      >
        Databases appear when an instance is synced; a project owner assigns them to the project.
      </EmptyPanel>
    );
  return (
    <div className={classes.targets}>
      <div>
        <TextInput
          aria-label="Search databases"
          placeholder="Search by name, instance, engine or label"
          leftSection={<Search size={14} aria-hidden />}
          value={search}
          onChange={(e) => setSearch(e.currentTarget.value)}
        />
        {groups.map(({ environment, databases }) => {
          const ids = databases.map((d) => d.id);
          const count = ids.filter((id) => chosen.has(id)).length;
          return (
            <fieldset key={environment.slug} className={classes.group}>
              <legend className={classes.legend}>
                <Checkbox
                  size="xs"
                  label={
                    <>
                      {environment.name} <span className={classes.count}>{`${count} of ${ids.length}`}</span>
                    </>
                  }
                  checked={count === ids.length}
                  indeterminate={count > 0 && count < ids.length}
                  onChange={(e) => set(ids, e.currentTarget.checked)}
                />
              </legend>
              <div className={classes.list}>
                {databases.map((d) => (
                  <Checkbox
                    key={d.id}
                    size="xs"
                    checked={chosen.has(d.id)}
                    onChange={(e) => set([d.id], e.currentTarget.checked)}
                    label={
                      <>
                        {d.name}{" "}
                        <span className={classes.count}>
                          {d.instance}
                          {mixed && ` · ${ENGINES[d.engine]}`}
                        </span>
                      </>
                    }
                  />
                ))}
              </div>
            </fieldset>
          );
        })}
        {!groups.length && (
          <Text size="sm" c="dimmed" mt="sm">
            No database matches “{search}”.
          </Text>
        )}
      </div>
      <aside className={classes.resolved} aria-label="Chosen databases">
        <h3>{draft.databases.length ? `${draft.databases.length} chosen` : "Nothing chosen yet"}</h3>
        <ul>
          {all
            .filter((d) => chosen.has(d.id))
            .slice(0, 200)
            .map((d) => (
              <li key={d.id}>
                {d.instance}/{d.name}
              </li>
            ))}
        </ul>
        <p>Exactly these are frozen into the change: a database added later is never swept in.</p>
      </aside>
    </div>
  );
}

/** Step 1: which databases of which project. */
export function TargetsStep(props: Props) {
  const { draft, projects, environments, databases, groups, selected, problems, onChange } = props;
  return (
    <>
      <Select
        label="Project"
        placeholder={projects.length ? "Choose a project" : "You are in no project yet"}
        searchable
        maw={360}
        allowDeselect={false}
        nothingFoundMessage="No such project. An owner of a project can add you as a member."
        data={projects.map((p) => ({ value: p.slug, label: p.name }))}
        value={draft.project || null}
        error={problems.project}
        onChange={(project) => project && onChange({ project, databases: [], group: "" })}
      />
      {groups.length > 0 && (
        <Select
          label="Database group"
          description="Instead of single databases: those that it selects when you file the change"
          placeholder="None: choose databases below"
          clearable
          clearButtonProps={{ "aria-label": "No database group" }}
          maw={360}
          mt="sm"
          data={groups.map((g) => ({ value: g.slug, label: `${g.slug} (${g.selector})` }))}
          value={draft.group || null}
          onChange={(group) => onChange({ group: group ?? "", databases: [] })}
        />
      )}
      {problems.databases && (
        <Text size="xs" c="var(--mantine-color-error)" mt={8}>
          {problems.databases}
        </Text>
      )}
      {selected && <GroupTargets group={draft.group} selected={selected} />}
      {draft.project && !selected && (
        <QueryGate query={databases} skeleton={<Skeleton h={180} mt="md" />}>
          {(all) => <Databases draft={draft} all={all} environments={environments} onChange={onChange} />}
        </QueryGate>
      )}
    </>
  );
}
