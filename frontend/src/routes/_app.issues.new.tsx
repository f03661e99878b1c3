import { createFileRoute, type SearchSchemaInput } from "@tanstack/react-router";
import type { Step } from "@/features/issues/draft";
import { NewChangePage } from "@/features/issues/new/NewChangePage";

const step = (value: unknown): Step => (Number(value) === 2 ? 2 : Number(value) === 3 ? 3 : 1);

export const Route = createFileRoute("/_app/issues/new")({
  validateSearch: (raw: { step?: Step } & SearchSchemaInput): { step: Step } => ({ step: step(raw.step) }),
  component: NewChangePage,
});
