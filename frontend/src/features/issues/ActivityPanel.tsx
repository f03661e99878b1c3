import { Button, Input } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { UnfoldVertical } from "lucide-react";
import { type FormEvent, useState } from "react";
import { changes } from "@/api/endpoints";
import { activityQuery } from "@/api/queries";
import type { ActivityOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Panel } from "@/shared/ui/Panel";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import { TimeAgo } from "@/shared/ui/TimeAgo";
import classes from "./ActivityPanel.module.css";
import { activityText, foldTimeline, standsAlone, withoutEchoes } from "./timeline";

function Item({ item }: { item: ActivityOut }) {
  if (item.kind === "comment")
    return (
      <li className={classes.comment}>
        <div className={classes.commentHead}>
          <strong>{item.actor?.name ?? "Somebody"}</strong> <TimeAgo iso={item.at} />
        </div>
        <div className={classes.commentBody}>{item.body}</div>
      </li>
    );
  const sentence = activityText(item);
  return (
    <li
      className={classes.event}
      data-bad={item.type?.endsWith("FAIL") || item.type === "REJECTED" || undefined}
    >
      <span>
        {!standsAlone(sentence) && <strong>{item.actor?.name ?? "Penstock"} </strong>}
        {sentence}
      </span>
      <span className={classes.when}>
        <TimeAgo iso={item.at} />
      </span>
    </li>
  );
}

function Timeline({ items }: { items: ActivityOut[] }) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  return (
    <ol className={classes.timeline}>
      {foldTimeline(withoutEchoes(items), opened).map((entry) =>
        entry.kind === "item" ? (
          <Item key={entry.item.id} item={entry.item} />
        ) : (
          <li key={`fold-${entry.id}`} className={classes.fold}>
            <Button
              variant="subtle"
              color="gray"
              size="compact-xs"
              leftSection={<UnfoldVertical size={13} aria-hidden />}
              onClick={() => setOpened(new Set([...opened, entry.id]))}
            >
              Show {entry.items.length} more events
            </Button>
          </li>
        ),
      )}
    </ol>
  );
}

const DRAFT = (issue: number) => `penstock.draft.comment.${issue}`;

function Composer({ issue }: { issue: number }) {
  const client = useQueryClient();
  const [body, setBody] = useState(() => localStorage.getItem(DRAFT(issue)) ?? "");
  const write = (text: string) => {
    setBody(text);
    if (text) localStorage.setItem(DRAFT(issue), text);
    else localStorage.removeItem(DRAFT(issue));
  };
  const post = useMutation({
    mutationFn: () => changes.comment(issue, body.trim()),
    onSuccess: () => {
      write("");
      return client.invalidateQueries({ queryKey: ["activity", issue] });
    },
  });
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (body.trim()) post.mutate();
  };
  return (
    <form onSubmit={submit} className={classes.composer}>
      <Input
        component="textarea"
        aria-label="Comment"
        placeholder="Write a comment"
        classNames={{ input: classes.input }}
        value={body}
        onChange={(e) => write(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) submit();
        }}
      />
      {post.error && <ErrorPanel error={post.error} />}
      <div className={classes.send}>
        <span className={classes.hint}>Ctrl Enter sends</span>
        <Button type="submit" variant="default" loading={post.isPending}>
          Comment
        </Button>
      </div>
    </form>
  );
}

/** What happened and what was said, folded in the middle when it is long. */
export function ActivityPanel({ issue, canComment }: { issue: number; canComment: boolean }) {
  const query = useQuery(activityQuery(issue));
  return (
    <Panel title="Activity">
      <QueryGate query={query} skeleton={<SkeletonRows rows={4} />}>
        {(items) => <Timeline items={items} />}
      </QueryGate>
      {canComment && <Composer issue={issue} />}
    </Panel>
  );
}
