import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import type { DatabaseGroupOut } from "@/api/types";
import { FormDialog } from "@/features/settings/FormDialog";
import classes from "./Groups.module.css";
import { Selected } from "./Selected";

type Props = { project: string; group: DatabaseGroupOut | null; onClose: () => void };

/** A group's slug and selector, with what it would select while it is typed. */
export function DatabaseGroupDialog({ project, group, onClose }: Props) {
  const client = useQueryClient();
  const [slug, setSlug] = useState(group?.slug ?? "");
  const [selector, setSelector] = useState(group?.selector ?? "");
  const [settled] = useDebouncedValue(selector.trim(), 300);
  const [asked, setAsked] = useState(false);
  const bad = !/^[a-z0-9][a-z0-9-]*$/.test(slug) ? "Small letters, digits and dashes." : undefined;
  const empty = selector.trim() ? undefined : "Say which labels.";
  const save = useMutation({
    mutationFn: () =>
      group
        ? catalog.patchDatabaseGroup(project, group.slug, group.version, selector)
        : catalog.createDatabaseGroup(project, { slug, selector }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["database-groups"] });
      void client.invalidateQueries({ queryKey: ["issue"] });
      onClose();
    },
  });
  return (
    <FormDialog
      title={group ? `Edit ${group.slug}` : "Add database group"}
      confirm={group ? "Save" : "Add"}
      pending={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={() => {
        setAsked(true);
        if (!empty && (group || !bad)) save.mutate();
      }}
    >
      <TextInput
        label={group ? "Slug, cannot be changed" : "Slug"}
        placeholder="europe"
        readOnly={group !== null}
        data-autofocus={group ? undefined : true}
        value={slug}
        error={asked && !group ? bad : fieldProblem(save.error, "slug")}
        onChange={(e) => setSlug(e.currentTarget.value)}
      />
      <TextInput
        label="Selector"
        description="All must hold: key, !key, key=value, key!=value, key in (a,b), key notin (a,b)"
        placeholder="region=eu,tier in (gold,silver),!legacy"
        data-autofocus={group ? true : undefined}
        classNames={{ input: "mono" }}
        value={selector}
        error={(asked && empty) || fieldProblem(save.error, "selector")}
        onChange={(e) => setSelector(e.currentTarget.value)}
      />
      {group && (
        <p className={classes.sub}>
          Changes that were filed keep their databases until somebody re-resolves them.
        </p>
      )}
      {settled && (
        <section aria-label="What it selects now" className={classes.preview}>
          <div className={classes.sub}>What it selects now</div>
          <Selected project={project} selector={settled} />
        </section>
      )}
    </FormDialog>
  );
}
