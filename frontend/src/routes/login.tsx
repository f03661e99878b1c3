import { createFileRoute } from "@tanstack/react-router";
import { LoginPage } from "@/features/auth/LoginPage";
import { safeNext } from "@/features/auth/safeNext";

export const Route = createFileRoute("/login")({
  validateSearch: (raw: Record<string, unknown>): { next?: string } => {
    const next = safeNext(raw.next);
    return next ? { next } : {};
  },
  component: LoginPage,
});
