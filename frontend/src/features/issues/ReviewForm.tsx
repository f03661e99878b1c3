import { Button, Checkbox, Group, Radio, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { changes } from "@/api/endpoints";
import { ApiError } from "@/api/errors";
import { issueQuery } from "@/api/queries";
import type { IssueOut } from "@/api/types";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { say } from "@/shared/ui/say";
import { reviewable } from "./issueAction";
import { type Change, type Seen, seenDigests } from "./seen";

export type ReviewProps = { issue: IssueOut; seen: Seen; changed: Change | null };

/** The decision, the stages it is for, and why. Sends the digests that were seen, never newer ones. */
export function ReviewForm({ issue, seen, changed, onDone }: ReviewProps & { onDone: () => void }) {
  const client = useQueryClient();
  const stages = reviewable(issue.pipeline.stages);
  const [chosen, setChosen] = useState(stages.map((s) => s.name));
  const [decision, setDecision] = useState<"approve" | "reject">("approve");
  const [comment, setComment] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const decide = useMutation({
    mutationFn: () =>
      changes.decide(issue.id, {
        stages: chosen,
        digest: seenDigests(seen, chosen),
        decision,
        comment: comment.trim(),
      }),
    onSuccess: (fresh) => {
      client.setQueryData(issueQuery(issue.id).queryKey, fresh);
      void client.invalidateQueries({ queryKey: ["activity", issue.id] });
      void client.invalidateQueries({ queryKey: ["issues"] });
      say(decision === "approve" ? `Approved ${chosen.join(", ")}.` : "Changes requested.");
      onDone();
    },
    onError: (error) => {
      if (error instanceof ApiError && error.code === "stale_digest")
        void client.invalidateQueries({ queryKey: ["issue", issue.id] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!chosen.length) return setProblem("Choose at least one stage.");
    if (decision === "reject" && !comment.trim()) return setProblem("Say what has to change.");
    if (changed)
      return setProblem("This is not what you opened any more. Look at the change first, then decide.");
    setProblem(null);
    decide.mutate();
  };
  const stale = decide.error instanceof ApiError && decide.error.code === "stale_digest";
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Radio.Group
          aria-label="Decision"
          value={decision}
          onChange={(value) => setDecision(value === "reject" ? "reject" : "approve")}
        >
          <Stack gap={6}>
            <Radio
              size="xs"
              value="approve"
              label="Approve"
              description="Lets it run where every other gate is open"
            />
            <Radio
              size="xs"
              value="reject"
              label="Request changes"
              description="Holds it until the author edits it"
            />
          </Stack>
        </Radio.Group>
        <Checkbox.Group label="Stages" value={chosen} onChange={setChosen}>
          <Stack gap={6} mt={4}>
            {stages.map((s) => (
              <Checkbox
                key={s.name}
                size="xs"
                value={s.name}
                label={`${s.name} · ${s.counts.total} ${s.counts.total === 1 ? "task" : "tasks"}`}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        <Textarea
          label={decision === "reject" ? "What has to change?" : "Comment"}
          placeholder={decision === "reject" ? undefined : "Optional"}
          autosize
          minRows={2}
          maxRows={8}
          value={comment}
          onChange={(e) => setComment(e.currentTarget.value)}
        />
        {problem && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {problem}
          </Text>
        )}
        {decide.error && (
          <ErrorPanel
            error={decide.error}
            title={stale ? "The change is not what you looked at any more" : undefined}
          />
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onDone}>
            Close
          </Button>
          <Button type="submit" color={decision === "reject" ? "red" : undefined} loading={decide.isPending}>
            {decision === "approve" ? `Approve ${chosen.join(", ") || "…"}` : "Request changes"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
