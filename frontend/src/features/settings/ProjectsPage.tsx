import { Button, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FolderKanban, Plus, Users } from "lucide-react";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { projectsQuery } from "@/api/queries";
import type { ProjectOut } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { FormDialog } from "./FormDialog";
import { MembersDialog } from "./MembersDialog";
import classes from "./Settings.module.css";
import { SlugFields } from "./SlugFields";

function AddDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState({ name: "", slug: "", description: "" });
  const save = useMutation({
    mutationFn: () => catalog.createProject({ ...form, name: form.name.trim() }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["projects"] });
      await client.invalidateQueries({ queryKey: ["me"] });
      onClose();
    },
  });
  return (
    <FormDialog
      title="Add project"
      confirm="Add"
      pending={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <SlugFields
        value={form}
        placeholder="Shop"
        onChange={(some) => setForm({ ...form, ...some })}
        problems={{ name: fieldProblem(save.error, "name"), slug: fieldProblem(save.error, "slug") }}
      />
      <Textarea
        label="Description"
        autosize
        minRows={2}
        value={form.description}
        onChange={(e) => setForm({ ...form, description: e.currentTarget.value })}
      />
    </FormDialog>
  );
}

/** Projects: who owns which databases, and who takes part. */
export function ProjectsPage() {
  const me = useMe();
  const query = useQuery(projectsQuery);
  const [adding, setAdding] = useState(false);
  const [members, setMembers] = useState<ProjectOut | null>(null);
  const mayAdd = mayInWorkspace(me, "project.create");
  const add = (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
      Add project
    </Button>
  );
  return (
    <Page
      title="Projects"
      lead="A project is a set of databases owned by one team, and its members."
      actions={mayAdd && add}
    >
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
          {(projects) =>
            projects.length ? (
              <ul className={classes.rows}>
                {projects.map((p) => (
                  <li key={p.slug} className={classes.row}>
                    <div className={classes.grow}>
                      <div className={classes.name}>{p.name}</div>
                      <div className={classes.sub}>
                        {p.slug}
                        {p.description && ` · ${p.description}`}
                      </div>
                    </div>
                    <span className={classes.sub}>
                      <Link to="/databases" search={{ project: p.slug }}>
                        {p.databases} databases
                      </Link>
                      {" · "}
                      <Link to="/issues" search={{ q: `is:open project:${p.slug}` }}>
                        {p.open_issues} open issues
                      </Link>
                      {p.my_role && ` · you: ${p.my_role}`}
                    </span>
                    <Button
                      variant="default"
                      leftSection={<Users size={14} aria-hidden />}
                      onClick={() => setMembers(p)}
                      aria-label={`Members of ${p.name}`}
                    >
                      Members
                    </Button>
                  </li>
                ))}
              </ul>
            ) : (
              <EmptyPanel icon={FolderKanban} title="No projects yet" action={mayAdd && add}>
                {mayAdd
                  ? "Create one, assign databases to it, and add the people who change them."
                  : "Ask an administrator to create a project, or a project owner to add you."}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      {adding && <AddDialog onClose={() => setAdding(false)} />}
      {members && <MembersDialog project={members} onClose={() => setMembers(null)} />}
    </Page>
  );
}
