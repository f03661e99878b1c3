import { Button } from "@mantine/core";
import { ListPlus, X } from "lucide-react";
import type { IssueSummary } from "@/api/types";
import { say, sayError } from "@/shared/ui/say";
import classes from "./MarkedBar.module.css";

/** The marked issues as a list to paste into a message or a release note. */
export const markedText = (issues: Pick<IssueSummary, "id" | "title">[], origin: string) =>
  issues.map((i) => `- ${i.title} (#${i.id}): ${origin}/issues/${i.id}`).join("\n");

type Props = { issues: IssueSummary[]; onClear: () => void };

/** What can be done with the rows that were marked with `x`. */
export function MarkedBar({ issues, onClear }: Props) {
  const copy = async () => {
    await navigator.clipboard.writeText(markedText(issues, window.location.origin));
    say(`Copied ${issues.length === 1 ? "1 issue" : `${issues.length} issues`}.`);
  };
  return (
    <div className={classes.bar}>
      <output>{issues.length} marked</output>
      <Button
        variant="default"
        leftSection={<ListPlus size={14} aria-hidden />}
        onClick={() => void copy().catch(sayError)}
      >
        Copy as list
      </Button>
      <Button variant="subtle" color="gray" leftSection={<X size={14} aria-hidden />} onClick={onClear}>
        Clear
      </Button>
    </div>
  );
}
