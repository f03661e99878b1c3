import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { auth } from "@/api/endpoints";
import { tokensQuery } from "@/api/queries";
import type { TokenOut } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./Settings.module.css";
import { TokenDialog } from "./TokenDialog";

/** Tokens for the command line, CI and other programs. */
export function TokensPage() {
  const client = useQueryClient();
  const query = useQuery(tokensQuery);
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<TokenOut | null>(null);
  const add = (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
      New token
    </Button>
  );
  return (
    <Page
      title="My tokens"
      lead="For the command line, CI and other programs. A token can do what its owner can."
      actions={add}
    >
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={2} />}>
          {(tokens) =>
            tokens.length ? (
              <ul className={classes.rows}>
                {tokens.map((t) => (
                  <li key={t.id} className={classes.row}>
                    <div className={classes.grow}>
                      <div className={classes.name}>{t.name}</div>
                      <div className={classes.sub}>
                        <span className="mono">{t.prefix}…</span> · {t.owner.name} · made{" "}
                        <TimeAgo iso={t.created_at} />
                      </div>
                    </div>
                    <span className={classes.sub}>
                      {t.last_used_at ? (
                        <>
                          used <TimeAgo iso={t.last_used_at} />
                        </>
                      ) : (
                        "never used"
                      )}
                      {" · "}
                      {t.expires_at ? (
                        <>
                          {Date.parse(t.expires_at) < Date.now() ? "expired" : "expires"}{" "}
                          <TimeAgo iso={t.expires_at} />
                        </>
                      ) : (
                        "never expires"
                      )}
                    </span>
                    <Button variant="default" onClick={() => setRevoking(t)} aria-label={`Revoke ${t.name}`}>
                      Revoke
                    </Button>
                  </li>
                ))}
              </ul>
            ) : (
              <EmptyPanel icon={KeyRound} title="No tokens" action={add}>
                Use one with <code className="mono">Authorization: Bearer pst_…</code>. For CI, prefer a
                service account's.
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      {adding && <TokenDialog account={null} onClose={() => setAdding(false)} />}
      {revoking && (
        <ActionDialog
          title={`Revoke ${revoking.name}`}
          confirm="Revoke"
          danger
          onClose={() => setRevoking(null)}
          run={() =>
            auth.revokeToken(revoking.id).then(() => client.invalidateQueries({ queryKey: ["tokens"] }))
          }
        >
          Whatever uses this token stops working at once.
        </ActionDialog>
      )}
    </Page>
  );
}
