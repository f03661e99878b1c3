import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import axe from "axe-core";
import type { ReactNode } from "react";
import { meQuery } from "@/api/queries";
import type { Me } from "@/api/types";
import { theme } from "@/app/theme";

export const me: Me = {
  id: 1,
  email: "ana@example.com",
  name: "Ana",
  kind: "person",
  workspace_role: "member",
  permissions: [],
  projects: [],
  csrf_token: null,
};

/** Renders below the providers that every component may rely on, with Ana signed in. */
export function show(node: ReactNode) {
  const client = new QueryClient({
    defaultOptions: { queries: { retry: false, staleTime: Number.POSITIVE_INFINITY } },
  });
  client.setQueryData(meQuery.queryKey, me);
  const shown = render(
    <MantineProvider env="test" theme={theme}>
      <QueryClientProvider client={client}>{node}</QueryClientProvider>
    </MantineProvider>,
  );
  return { ...shown, client };
}

/** What axe finds; colours need a real page and are checked in the browser tests. */
export async function violations(container: Element): Promise<string[]> {
  const found = await axe.run(container, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.map((v) => `${v.id}: ${v.help}`);
}
