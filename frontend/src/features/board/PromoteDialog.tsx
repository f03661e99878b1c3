import { Skeleton } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { releases } from "@/api/endpoints";
import { promotionQuery } from "@/api/queries";
import type { NewPromotion } from "@/api/types";
import { ActionDialog } from "@/shared/ui/ActionDialog";
import { QueryGate } from "@/shared/ui/QueryGate";
import { say } from "@/shared/ui/say";
import { refused, targetsOf } from "./boardWords";
import { PromotionSummary } from "./PromotionSummary";
import { TargetPicker } from "./TargetPicker";

type Props = {
  project: string;
  release: number;
  from: string;
  to: string;
  /** Slug of the environment that it goes to. */
  target: string;
  onClose: () => void;
};

const NONE = {
  status: 422,
  code: "no_targets",
  message: "Choose at least one database.",
  issue: null,
  stage: null,
};

/** Exactly what would run, where, for whom it would wait, and why it may or may not; then the issue. */
export function PromoteDialog({ project, release, from, to, target, onClose }: Props) {
  const [left, setLeft] = useState<ReadonlySet<number>>(new Set());
  const everywhere: NewPromotion = { project, release, targets: { environment: target }, description: "" };
  const whole = useQuery(promotionQuery(everywhere));
  const databases = whole.data?.databases ?? [];
  const wanted: NewPromotion = { ...everywhere, targets: targetsOf(target, databases, left) };
  const none = databases.length > 0 && left.size === databases.length;
  // What was known of the last choice stays until this one is known.
  const preview = useQuery({ ...promotionQuery(wanted), enabled: !none, placeholderData: keepPreviousData });
  const client = useQueryClient();
  const go = useNavigate();
  const run = async () => {
    const made = await releases.promote(wanted);
    await client.invalidateQueries({ predicate: (q) => ["board", "issues"].includes(String(q.queryKey[0])) });
    say(`Issue #${made.issue} promotes release #${release} to ${to}.`);
    await go({ to: "/issues/$issueId", params: { issueId: String(made.issue) } });
  };
  const known = preview.isPlaceholderData ? undefined : preview.data;
  return (
    <ActionDialog
      title={`Promote release #${release} from ${from} to ${to}`}
      confirm={`Promote to ${to}`}
      blocked={none ? NONE.message : refused(known)}
      onClose={onClose}
      run={run}
    >
      <QueryGate query={preview} skeleton={<Skeleton h={180} />}>
        {(data) => (
          <PromotionSummary
            preview={none ? { ...data, allowed: false, refusals: [NONE] } : data}
            release={release}
            targets={
              databases.length > 0 && <TargetPicker databases={databases} left={left} onLeft={setLeft} />
            }
          />
        )}
      </QueryGate>
    </ActionDialog>
  );
}
