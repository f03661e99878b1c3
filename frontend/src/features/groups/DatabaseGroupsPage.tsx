import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Boxes, Plus } from "lucide-react";
import { useState } from "react";
import { databaseGroupsQuery, projectsQuery } from "@/api/queries";
import type { DatabaseGroupOut } from "@/api/types";
import { may, useMe } from "@/app/session";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { DatabaseGroupDialog } from "./DatabaseGroupDialog";
import { GroupRow } from "./GroupRow";
import classes from "./Groups.module.css";

export type GroupSearch = { project?: string };
const route = getRouteApi("/_app/databases/groups");

/** Databases by their labels: written once, resolved when a change is filed for them. */
export function DatabaseGroupsPage() {
  const me = useMe();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const projects = useQuery(projectsQuery);
  const project = search.project ?? projects.data?.[0]?.slug ?? "";
  const groups = useQuery(databaseGroupsQuery(project));
  const [editing, setEditing] = useState<DatabaseGroupOut | "new" | null>(null);
  const mayEdit = project !== "" && may(me, "database.edit", project);
  const add = mayEdit && (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setEditing("new")}>
      Add group
    </Button>
  );
  if (projects.data?.length === 0)
    return (
      <Page title="Database groups">
        <EmptyPanel icon={Boxes} title="No projects yet">
          A database group belongs to a project. Ask a project owner to add you to one.
        </EmptyPanel>
      </Page>
    );
  return (
    <Page
      title="Database groups"
      lead="Databases of a project by their labels. A change for a group goes to those that it selects when the change is filed; who joins later is shown, and never swept in."
      actions={
        <>
          <Button
            variant="default"
            renderRoot={(props) => <Link {...props} to="/databases" search={project ? { project } : {}} />}
          >
            Databases
          </Button>
          {add}
        </>
      }
    >
      <Select
        label="Project"
        maw={280}
        allowDeselect={false}
        searchable
        data={projects.data?.map((p) => ({ value: p.slug, label: p.name })) ?? []}
        value={project || null}
        onChange={(slug) => slug && void navigate({ search: { project: slug }, replace: true })}
      />
      <div className={panel.panel}>
        <QueryGate query={groups} skeleton={<SkeletonRows rows={3} />}>
          {(all) =>
            all.length ? (
              <ul className={classes.rows}>
                {all.map((g) => (
                  <GroupRow key={g.slug} group={g} mayEdit={mayEdit} onEdit={() => setEditing(g)} />
                ))}
              </ul>
            ) : (
              <EmptyPanel icon={Boxes} title="No database groups yet" action={add}>
                Give databases labels such as region:eu on their pages, then write a group once, for example
                region=eu: changes for it go to every database with that label.
                {!mayEdit && " A project owner can make groups."}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      {editing && (
        <DatabaseGroupDialog
          project={project}
          group={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
        />
      )}
    </Page>
  );
}
