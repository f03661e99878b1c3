import { Anchor, Button, Modal } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitPullRequest, RotateCcw } from "lucide-react";
import { repositories } from "@/api/endpoints";
import { pullRequestsQuery } from "@/api/queries";
import type { PullRequestOut, RepositoryOut } from "@/api/types";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { StatusBadge } from "@/shared/ui/StatusBadge";
import { say, sayError } from "@/shared/ui/say";
import classes from "./Settings.module.css";

/** How a pull request stands, in the words and colours of everything else. */
function badge(pull: PullRequestOut): { status: string; label: string } {
  if (pull.error && !pull.pending) return { status: "failed", label: "Given up" };
  if (pull.pending) return { status: "waiting", label: pull.error ? "Trying again" : "Looking" };
  if (pull.state === "merged") return { status: "succeeded", label: "Merged" };
  if (pull.state === "closed") return { status: "canceled", label: "Closed" };
  return pull.verdict === "failure"
    ? { status: "failed", label: "Needs mending" }
    : { status: "succeeded", label: "Preview is fine" };
}

/** The pull requests of a repository, and what became of them. */
export function PullRequestsDialog({ of, onClose }: { of: RepositoryOut; onClose: () => void }) {
  const client = useQueryClient();
  const query = useQuery(pullRequestsQuery(of.slug));
  const look = useMutation({
    mutationFn: (number: number) => repositories.look(of.slug, number),
    onSuccess: async () => {
      say("It is looked at.");
      await client.invalidateQueries({ queryKey: ["pull-requests", of.slug] });
    },
    onError: sayError,
  });
  return (
    <Modal opened onClose={onClose} title={`Pull requests of ${of.repository}`} size="lg">
      <QueryGate query={query} skeleton={<SkeletonRows rows={3} />}>
        {(page) =>
          page.items.length ? (
            <ul className={classes.rows}>
              {page.items.map((pull) => (
                <li key={pull.number} className={classes.row}>
                  <div className={classes.grow}>
                    <div className={classes.name}>
                      #{pull.number} {pull.title}
                    </div>
                    <div className={classes.sub}>
                      {pull.head?.slice(0, 12)}
                      {pull.error ? ` · ${pull.error}` : ""}
                      {pull.issue && (
                        <>
                          {" · "}
                          <Anchor
                            renderRoot={(props) => (
                              <Link
                                {...props}
                                to="/issues/$issueId"
                                params={{ issueId: String(pull.issue) }}
                              />
                            )}
                            size="sm"
                            underline="always"
                          >
                            issue {pull.issue}
                          </Anchor>
                        </>
                      )}
                    </div>
                  </div>
                  <StatusBadge {...badge(pull)} size="sm" />
                  <Button
                    variant="default"
                    leftSection={<RotateCcw size={14} aria-hidden />}
                    loading={look.isPending && look.variables === pull.number}
                    onClick={() => look.mutate(pull.number)}
                    aria-label={`Look at pull request ${pull.number} again`}
                  >
                    Look again
                  </Button>
                </li>
              ))}
            </ul>
          ) : (
            <EmptyPanel icon={GitPullRequest} title="No pull requests yet">
              The next webhook of the repository is the first. Is it set up there?
            </EmptyPanel>
          )
        }
      </QueryGate>
    </Modal>
  );
}
