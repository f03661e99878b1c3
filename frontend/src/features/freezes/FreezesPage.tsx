import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { OctagonX, Snowflake } from "lucide-react";
import { useState } from "react";
import type { FreezePlace } from "@/api/endpoints";
import { environmentsQuery, freezesQuery, projectsQuery } from "@/api/queries";
import type { Frozen } from "@/api/types";
import { may, mayInWorkspace, useMe } from "@/app/session";
import { Page } from "@/shared/ui/Page";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { FreezeDialog } from "./FreezeDialog";
import { FreezeRow } from "./FreezeRow";
import classes from "./Freezes.module.css";
import { LiftDialog } from "./LiftDialog";
import { inForce, isStop } from "./places";

type Asked = { freeze: FreezePlace; name: string } | { lift: Frozen };

/** Who may start what, for now: freezes of environments and projects, and the stop of everything. */
export function FreezesPage() {
  const me = useMe();
  const freezes = useQuery(freezesQuery);
  const environments = useQuery(environmentsQuery);
  const projects = useQuery(projectsQuery);
  const [asked, setAsked] = useState<Asked | null>(null);
  const mayStop = mayInWorkspace(me, "workspace.stop");
  const mayFreeze = mayInWorkspace(me, "environment.freeze");
  const now = inForce(freezes.data ?? []);
  const stopped = now.find(isStop);
  return (
    <Page
      title="Freezes"
      lead="Nothing starts in a frozen place. What already runs is finished, and what waits goes on by itself when the freeze ends."
      actions={
        mayStop &&
        !stopped && (
          <Button
            color="red"
            leftSection={<OctagonX size={15} aria-hidden />}
            onClick={() => setAsked({ freeze: "workspace", name: "everything" })}
          >
            Stop everything
          </Button>
        )
      }
    >
      <QueryGate query={freezes} skeleton={<SkeletonRows rows={4} />}>
        {() => (
          <>
            {now.length === 0 && (
              <p className={classes.calm}>
                <Snowflake size={15} aria-hidden /> Nothing is frozen. Freeze a place before an important
                sale, during an incident, or over the holidays: with a reason, and an end if you know one.
              </p>
            )}
            <Panel title="Environments" flush>
              <ul className={classes.rows}>
                {(environments.data ?? []).map((e) => (
                  <FreezeRow
                    key={e.slug}
                    name={e.name}
                    freeze={now.find((f) => f.environment === e.slug)}
                    allowed={mayFreeze}
                    onFreeze={() => setAsked({ freeze: { environment: e.slug }, name: e.name })}
                    onLift={(lift) => setAsked({ lift })}
                  />
                ))}
                {environments.data?.length === 0 && <li className={classes.none}>No environments yet.</li>}
              </ul>
            </Panel>
            <Panel title="Projects" flush>
              <ul className={classes.rows}>
                {(projects.data ?? []).map((p) => (
                  <FreezeRow
                    key={p.slug}
                    name={p.name}
                    freeze={now.find((f) => f.project === p.slug)}
                    allowed={may(me, "project.freeze", p.slug)}
                    onFreeze={() => setAsked({ freeze: { project: p.slug }, name: p.name })}
                    onLift={(lift) => setAsked({ lift })}
                  />
                ))}
                {projects.data?.length === 0 && <li className={classes.none}>No projects yet.</li>}
              </ul>
            </Panel>
          </>
        )}
      </QueryGate>
      <p className={classes.sub}>
        Project owners freeze their projects, DBAs and administrators environments and everything. In an
        emergency a DBA can bypass a freeze for one stage, on the issue's page.
      </p>
      {asked && "freeze" in asked && (
        <FreezeDialog place={asked.freeze} name={asked.name} onClose={() => setAsked(null)} />
      )}
      {asked && "lift" in asked && <LiftDialog freeze={asked.lift} onClose={() => setAsked(null)} />}
    </Page>
  );
}
