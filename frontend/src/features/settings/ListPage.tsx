import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type LucideIcon, Plus } from "lucide-react";
import type { ReactNode } from "react";
import { EmptyPanel } from "@/shared/ui/EmptyPanel";
import { Page } from "@/shared/ui/Page";
import panel from "@/shared/ui/Panel.module.css";
import { QueryGate } from "@/shared/ui/QueryGate";
import { SkeletonRows } from "@/shared/ui/SkeletonRows";
import classes from "./Settings.module.css";

type Row = { key: React.Key; name: ReactNode; about: ReactNode[]; actions: ReactNode };
type Props<T> = {
  title: string;
  lead: string;
  query: UseQueryResult<T[]>;
  /** What the button that adds one says, and does. */
  add: { label: string; run: () => void };
  empty: { icon: LucideIcon; title: string; text: string };
  row: (item: T) => Row;
  /** Dialogs. */
  children: ReactNode;
};

/** A page of settings that is one list: its rows, a button to add to it, and why one would while it is empty. */
export function ListPage<T>({ title, lead, query, add, empty, row, children }: Props<T>) {
  const button = (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={add.run}>
      {add.label}
    </Button>
  );
  return (
    <Page title={title} lead={lead} actions={button}>
      <div className={panel.panel}>
        <QueryGate query={query} skeleton={<SkeletonRows rows={2} />}>
          {(all) =>
            all.length ? (
              <ul className={classes.rows}>
                {all.map(row).map(({ key, name, about, actions }) => (
                  <li key={key} className={classes.row}>
                    <div className={classes.grow}>
                      <div className={classes.name}>{name}</div>
                      {about.map((line, at) => (
                        // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a row have a fixed order
                        <div key={at} className={classes.sub}>
                          {line}
                        </div>
                      ))}
                    </div>
                    {actions}
                  </li>
                ))}
              </ul>
            ) : (
              <EmptyPanel icon={empty.icon} title={empty.title} action={button}>
                {empty.text}
              </EmptyPanel>
            )
          }
        </QueryGate>
      </div>
      {children}
    </Page>
  );
}
