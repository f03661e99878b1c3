import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Pencil, Plus } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { tiersQuery } from "@/api/queries";
import type { TierOut } from "@/api/types";
import { mayInWorkspace, useMe } from "@/app/session";
import { tierText } from "@/features/issues/tiers";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import classes from "./Settings.module.css";

const TierDialog = lazy(() => import("./TierDialog").then((m) => ({ default: m.TierDialog })));

/** Who must approve what runs in an environment. */
export function TiersPage() {
  const me = useMe();
  const query = useQuery(tiersQuery);
  const [editing, setEditing] = useState<TierOut | "new" | null>(null);
  const mayEdit = mayInWorkspace(me, "tier.edit");
  return (
    <Page
      title="Approval tiers"
      lead="The rules of an environment: who must approve, and whether a stage runs by itself. They are read live: a change here counts at once."
      actions={
        mayEdit && (
          <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setEditing("new")}>
            Add tier
          </Button>
        )
      }
    >
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
          {(tiers) => (
            <ul className={classes.rows}>
              {tiers.map((t) => (
                <li key={t.slug} className={classes.row}>
                  <div className={classes.grow}>
                    <div className={classes.name}>{t.name}</div>
                    <div className={classes.sub}>
                      {tierText(t)}{" "}
                      {t.self_approval ? "The author may approve." : "The author never approves."}
                    </div>
                    <div className={classes.sub}>
                      {t.environments.length
                        ? `Used by ${t.environments.join(", ")}`
                        : "Not used by any environment"}
                    </div>
                  </div>
                  {mayEdit && (
                    <Button
                      variant="default"
                      leftSection={<Pencil size={13} aria-hidden />}
                      onClick={() => setEditing(t)}
                      aria-label={`Edit ${t.name}`}
                    >
                      Edit
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          )}
        </QueryGate>
      </div>
      {!mayEdit && <p className={classes.sub}>An administrator can change approval tiers.</p>}
      <Suspense>
        {editing && <TierDialog tier={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
      </Suspense>
    </Page>
  );
}
