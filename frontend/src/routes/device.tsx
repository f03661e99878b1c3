import { createFileRoute, redirect } from "@tanstack/react-router";
import { ApiError } from "@/api/errors";
import { meQuery } from "@/api/queries";
import { DevicePage } from "@/features/device/DevicePage";

/** Outside the shell: whoever comes here wants to get back to a terminal. */
export const Route = createFileRoute("/device")({
  validateSearch: (raw: Record<string, unknown>): { code?: string } =>
    typeof raw.code === "string" && raw.code ? { code: raw.code } : {},
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401)
        throw redirect({ to: "/login", search: { next: location.href } });
      throw error;
    }
  },
  component: DevicePage,
});
