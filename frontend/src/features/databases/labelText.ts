/** Labels as one line of text (`tier:gold, region:eu`) and back. */

export type LabelsRead = { labels: Record<string, string>; problem?: string };

export const formatLabels = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([k, v]) => `${k}:${v}`)
    .join(", ");

export function parseLabels(text: string): LabelsRead {
  const labels: Record<string, string> = {};
  for (const part of text.split(",")) {
    const pair = part.trim();
    if (!pair) continue;
    const at = pair.indexOf(":");
    if (at < 1) return { labels, problem: `“${pair}” is not key:value.` };
    const key = pair.slice(0, at).trim();
    if (key in labels) return { labels, problem: `The label ${key} is there twice.` };
    labels[key] = pair.slice(at + 1).trim();
  }
  return { labels };
}
