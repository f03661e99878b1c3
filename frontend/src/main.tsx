import "@/app/styles.css";
import { MantineProvider } from "@mantine/core";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRouter, RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { setCsrf, whenSignedOut } from "@/api/client";
import { ApiError } from "@/api/errors";
import type { Me } from "@/api/types";
import { cssVariablesResolver, theme } from "@/app/theme";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { Toasts } from "@/shared/ui/Toasts";
import { routeTree } from "./routeTree.gen";

/** Asking again helps when nothing answered or the server stumbled; never when it said no. */
const worthRetrying = (count: number, error: Error) =>
  count < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500);

const queryClient = new QueryClient({
  defaultOptions: { queries: { staleTime: 5_000, retry: worthRetrying, refetchOnWindowFocus: true } },
  queryCache: new QueryCache({
    onSuccess: (data, query) => {
      if (query.queryKey[0] === "me") setCsrf((data as Me).csrf_token);
    },
  }),
});

const router = createRouter({
  routeTree,
  context: { queryClient },
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultErrorComponent: ({ error, reset }) => <ErrorPanel error={error} retry={reset} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

whenSignedOut(() => {
  if (router.state.location.pathname === "/login") return;
  setCsrf(null);
  queryClient.clear();
  void router.navigate({ to: "/login", search: { next: router.state.location.href } });
});

const root = document.getElementById("root");
if (!root) throw new Error("The page has no #root element.");
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Toasts />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
