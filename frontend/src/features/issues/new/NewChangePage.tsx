import { Button, Group } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { newKey } from "@/api/client";
import { changes } from "@/api/endpoints";
import {
  databaseGroupsQuery,
  environmentsQuery,
  groupDatabasesQuery,
  projectDatabasesQuery,
  projectsQuery,
  tiersQuery,
} from "@/api/queries";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Page } from "@/shared/ui/Page";
import { Panel } from "@/shared/ui/Panel";
import { say } from "@/shared/ui/say";
import { isBlank, missingUpTo, type Step, toIssue } from "../draft";
import { CheckStep } from "./CheckStep";
import { MissingList } from "./MissingList";
import { SqlStep } from "./SqlStep";
import { Steps } from "./Steps";
import { serverProblems } from "./serverProblems";
import { TargetsStep } from "./TargetsStep";
import { useDraft } from "./useDraft";

const route = getRouteApi("/_app/issues/new");
const TITLES: Record<Step, string> = { 1: "Where", 2: "What", 3: "Check and file" };

/** Filing a change in three steps; the address holds the step, the browser holds the draft. */
export function NewChangePage() {
  const { step } = route.useSearch();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { draft, change, clear } = useDraft();
  const [asked, setAsked] = useState(0);
  const key = useRef(newKey());
  const projects = useQuery(projectsQuery);
  const environments = useQuery(environmentsQuery);
  const tiers = useQuery(tiersQuery);
  const databases = useQuery(projectDatabasesQuery(draft.project));
  const groups = useQuery(databaseGroupsQuery(draft.project));
  const group = groups.data?.find((g) => g.slug === draft.group);
  const selected = useQuery(groupDatabasesQuery(draft.project, group?.selector ?? ""));
  const chosen = draft.group
    ? (selected.data ?? [])
    : (databases.data ?? []).filter((d) => draft.databases.includes(d.id));

  const file = useMutation({
    mutationFn: () => changes.createIssue(toIssue(draft), key.current),
    onSuccess: async (issue) => {
      clear();
      void client.invalidateQueries({ queryKey: ["issues"] });
      say(`Filed #${issue.id}.`);
      await navigate({ to: "/issues/$issueId", params: { issueId: String(issue.id) } });
    },
    // What was refused is edited and sent again: that is another request.
    onError: () => {
      key.current = newKey();
    },
  });
  const go = (to: Step) => navigate({ to: "/issues/new", search: { step: to } });
  const gaps = missingUpTo(draft, step);
  const refused = serverProblems(file.error);
  const shown = [...(asked >= step ? gaps : []), ...refused];
  const problems = Object.fromEntries(shown.map((m) => [m.field, m.message]));
  const next = () => {
    setAsked(Math.max(asked, step));
    if (gaps.length) return;
    file.reset();
    if (step < 3) void go((step + 1) as Step);
    else file.mutate();
  };
  const edit: typeof change = (some) => {
    if (file.error) file.reset();
    change(some);
  };
  const catalogError = projects.error ?? environments.error ?? tiers.error;

  return (
    <Page
      title="New change"
      lead="Written once, reviewed, then applied to each environment in order."
      width="text"
      actions={
        !isBlank(draft) && (
          <Button variant="subtle" color="gray" onClick={clear}>
            Discard draft
          </Button>
        )
      }
    >
      <Steps current={step} onGo={(to) => void go(to)} />
      {catalogError && <ErrorPanel error={catalogError} retry={() => void client.refetchQueries()} />}
      <Panel title={TITLES[step]}>
        {step === 1 && (
          <TargetsStep
            draft={draft}
            projects={projects.data ?? []}
            environments={environments.data ?? []}
            databases={databases}
            groups={groups.data ?? []}
            selected={draft.group ? chosen : null}
            problems={problems}
            onChange={edit}
          />
        )}
        {step === 2 && <SqlStep draft={draft} chosen={chosen} problems={problems} onChange={edit} />}
        {step === 3 && (
          <CheckStep
            draft={draft}
            chosen={chosen}
            environments={environments.data ?? []}
            tiers={tiers.data ?? []}
          />
        )}
      </Panel>
      {asked >= step && <MissingList missing={gaps} current={step} onGo={(to) => void go(to)} />}
      {refused.length > 0 && <MissingList missing={refused} current={step} onGo={(to) => void go(to)} />}
      {file.error && refused.length === 0 && <ErrorPanel error={file.error} />}
      <Group justify="space-between">
        {step > 1 ? (
          <Button variant="default" onClick={() => void go((step - 1) as Step)}>
            Back
          </Button>
        ) : (
          <span />
        )}
        <Button onClick={next} loading={file.isPending}>
          {step < 3 ? "Next" : "File this change"}
        </Button>
      </Group>
    </Page>
  );
}
