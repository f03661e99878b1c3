import { createSpotlight, Spotlight, type SpotlightActionData } from "@mantine/spotlight";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { issueListQuery } from "@/api/queries";
import { type Command, useCommandList } from "./commands";

const [store, actions] = createSpotlight();

const EVERYWHERE = new Set(["Do", "Go to"]);

const toAction = (command: Command): SpotlightActionData => ({
  id: command.id,
  label: command.label,
  rightSection: command.keys ? <kbd className="key">{command.keys}</kbd> : undefined,
  onClick: command.run,
});

/** Commands and issues from anywhere. Loaded on first use. */
export function CommandPalette({ onClosed }: { onClosed: () => void }) {
  const [text, setText] = useState("");
  const navigate = useNavigate();
  const commands = useCommandList();
  const q = text.trim();
  const found = useQuery({ ...issueListQuery({ q, page_size: 6 }), enabled: q.length > 1 });
  useEffect(() => {
    actions.open();
  }, []);

  // What concerns the page comes before what is possible everywhere.
  const names = [...new Set(commands.map((c) => c.group))];
  const groups = names
    .sort((a, b) => Number(EVERYWHERE.has(a)) - Number(EVERYWHERE.has(b)))
    .map((group) => ({
      group,
      actions: commands.filter((c) => c.group === group).map(toAction),
    }));
  const number = /^#?(\d+)$/.exec(q)?.[1];
  const issues: SpotlightActionData[] = (found.data?.items ?? []).map((issue) => ({
    id: `issue-${issue.id}`,
    label: `${issue.title} #${issue.id}`,
    description: issue.project,
    keywords: [q],
    onClick: () => navigate({ to: "/issues/$issueId", params: { issueId: String(issue.id) } }),
  }));
  if (number)
    issues.unshift({
      id: "issue-by-number",
      label: `Open issue #${number}`,
      keywords: [q],
      onClick: () => navigate({ to: "/issues/$issueId", params: { issueId: number } }),
    });

  return (
    <Spotlight
      store={store}
      shortcut={null}
      query={text}
      onQueryChange={setText}
      onSpotlightClose={onClosed}
      overlayProps={{ backgroundOpacity: 0.4, blur: 0 }}
      scrollable
      maxHeight={420}
      attributes={{ content: { "aria-label": "Command palette" } }}
      nothingFound="Nothing found"
      highlightQuery
      searchProps={{
        placeholder: "Search issues or run a command",
        "aria-label": "Search issues or run a command",
      }}
      actions={issues.length ? [...groups, { group: "Issues", actions: issues }] : groups}
    />
  );
}
