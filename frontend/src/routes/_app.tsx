import { createFileRoute, redirect } from "@tanstack/react-router";
import { ApiError } from "@/api/errors";
import { LiveProvider } from "@/api/live";
import { meQuery } from "@/api/queries";
import { Shell } from "@/app/Shell";

/** Everything behind the sign-in: asks who is there before anything else is drawn. */
export const Route = createFileRoute("/_app")({
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401)
        throw redirect({ to: "/login", search: { next: location.href } });
      throw error;
    }
  },
  component: () => (
    <LiveProvider>
      <Shell />
    </LiveProvider>
  ),
});
