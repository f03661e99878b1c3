import { Button, Switch } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { FolderGit2, GitPullRequest, Webhook } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { repositories } from "@/api/endpoints";
import { repositoriesQuery } from "@/api/queries";
import type { RepositoryOut } from "@/api/types";
import { may, useMe } from "@/app/session";
import { sayError } from "@/shared/ui/say";
import { ListPage } from "./ListPage";

const RepositoryDialog = lazy(() =>
  import("./RepositoryDialog").then((m) => ({ default: m.RepositoryDialog })),
);
const PullRequestsDialog = lazy(() =>
  import("./PullRequestsDialog").then((m) => ({ default: m.PullRequestsDialog })),
);
const WebhookDialog = lazy(() => import("./WebhookDialog").then((m) => ({ default: m.WebhookDialog })));

function about(one: RepositoryOut): string {
  const goes = one.environment ? `a merge goes to ${one.environment}` : "nothing is filed by itself";
  const tried = one.preview_instance ? `previews run on ${one.preview_instance}` : "previews are read only";
  return `${one.project} · ${goes} · ${tried}`;
}

/** Git repositories that migrations come from. */
export function RepositoriesPage() {
  const client = useQueryClient();
  const me = useMe();
  const query = useQuery(repositoriesQuery);
  const [adding, setAdding] = useState(false);
  const [open, setOpen] = useState<RepositoryOut | null>(null);
  const [hook, setHook] = useState<RepositoryOut | null>(null);
  const toggle = useMutation({
    mutationFn: (one: RepositoryOut) => repositories.patch(one.slug, one.version, { enabled: !one.enabled }),
    onSettled: () => client.invalidateQueries({ queryKey: ["repositories"] }),
    onError: sayError,
  });
  return (
    <ListPage
      title="Repositories"
      lead="Where migrations come from: a pull request gets a preview, a merge files an issue."
      query={query}
      add={{ label: "Add repository", run: () => setAdding(true) }}
      empty={{
        icon: FolderGit2,
        title: "No repository is watched yet",
        text: "Connect one on GitHub or GitLab: reviewers see what a merge would run, before it runs.",
      }}
      row={(one) => ({
        key: one.slug,
        name: one.repository,
        about: [about(one), `${one.branch}:${one.directory || "/"} · webhook ${one.webhook_path}`],
        actions: (
          <>
            <Button
              variant="default"
              leftSection={<GitPullRequest size={14} aria-hidden />}
              onClick={() => setOpen(one)}
              aria-label={`Pull requests of ${one.repository}`}
            >
              Pull requests
            </Button>
            {may(me, "repository.edit", one.project) && (
              <Button
                variant="default"
                leftSection={<Webhook size={14} aria-hidden />}
                onClick={() => setHook(one)}
                aria-label={`Webhook of ${one.repository}`}
              >
                Webhook
              </Button>
            )}
            <Switch
              aria-label={`${one.repository} is watched`}
              checked={one.enabled}
              onChange={() => toggle.mutate(one)}
            />
          </>
        ),
      })}
    >
      <Suspense>
        {adding && <RepositoryDialog onClose={() => setAdding(false)} />}
        {open && <PullRequestsDialog of={open} onClose={() => setOpen(null)} />}
        {hook && <WebhookDialog of={hook} onClose={() => setHook(null)} />}
      </Suspense>
    </ListPage>
  );
}
