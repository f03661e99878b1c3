import { Button, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Inbox as InboxIcon, Plus } from "lucide-react";
import { issueListQuery } from "@/api/queries";
import type { IssueSummary } from "@/api/types";
import { IssueTable, KeyboardIssueTable } from "@/features/issues/IssueTable";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Page } from "@/shared/ui/Page";
import { Panel } from "@/shared/ui/Panel";
import { useLate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { inboxCount, sortInbox } from "./sortInbox";

function Section({ title, issues, keyboard }: { title: string; issues: IssueSummary[]; keyboard?: boolean }) {
  if (!issues.length) return null;
  const Table = keyboard ? KeyboardIssueTable : IssueTable;
  return (
    <Panel title={title} flush>
      <Table label={title} issues={issues} />
    </Panel>
  );
}

export function InboxPage() {
  const waiting = useQuery(issueListQuery({ waiting_for: "me", status: "open", page_size: 50 }));
  const mine = useQuery(issueListQuery({ author: "me", status: "open", page_size: 50 }));
  const recent = useQuery(issueListQuery({ page_size: 8 }));
  const pending = waiting.isPending || mine.isPending;
  const late = useLate(pending);
  const inbox = sortInbox(waiting.data?.items ?? [], mine.data?.items ?? []);
  const count = inboxCount(inbox);
  const error = waiting.error ?? mine.error;
  const first = inbox.failed.length ? "failed" : inbox.approve.length ? "approve" : "run";
  return (
    <Page
      title="Inbox"
      lead={
        pending ? undefined : count ? `${count} waiting for you` : "What waits for you, and what you filed"
      }
    >
      {error && (
        <ErrorPanel
          error={error}
          retry={() => {
            void waiting.refetch();
            void mine.refetch();
          }}
        />
      )}
      {late && (
        <Panel title="Waiting for you" flush>
          <SkeletonRows rows={4} />
        </Panel>
      )}
      {!pending && (
        <Stack gap="md">
          <Section title="Failed, filed by you" issues={inbox.failed} keyboard={first === "failed"} />
          <Section title="Waiting for your approval" issues={inbox.approve} keyboard={first === "approve"} />
          <Section title="Ready to run" issues={inbox.run} keyboard={first === "run"} />
          {count === 0 && !error && (
            <Panel title="Waiting for you" flush>
              <EmptyPanel
                icon={InboxIcon}
                title="Nothing waits for you"
                action={
                  <Button
                    component={Link}
                    to="/issues/new"
                    variant="default"
                    leftSection={<Plus size={14} aria-hidden />}
                  >
                    New change
                  </Button>
                }
              >
                Approvals that need you, stages that you can run and your own changes that failed appear here
                by themselves.
              </EmptyPanel>
            </Panel>
          )}
          <Section title="Filed by you" issues={inbox.mine} />
          {recent.data && <Section title="Recent changes" issues={recent.data.items} />}
        </Stack>
      )}
    </Page>
  );
}
