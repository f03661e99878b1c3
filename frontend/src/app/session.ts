/** Who is signed in, and what they may do, from anywhere below the signed-in shell. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { meQuery } from "@/api/queries";
import type { Me } from "@/api/types";

export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** Tells whether the caller holds a permission in the workspace, or in one project when it is given. */
export function may(me: Me, permission: string, project?: string | null): boolean {
  if (me.permissions.includes(permission)) return true;
  return me.projects.some(
    (p) => (project === undefined || p.project === project) && p.permissions.includes(permission),
  );
}

/** Tells whether the caller holds a permission everywhere, as workspace settings need. */
export const mayInWorkspace = (me: Me, permission: string) => me.permissions.includes(permission);
