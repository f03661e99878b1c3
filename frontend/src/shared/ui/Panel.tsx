import { Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import classes from "./Panel.module.css";

type Props = {
  title: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** The content reaches the border, as tables and logs do. */
  flush?: boolean;
  id?: string;
};

/** A titled region of a page. */
export function Panel({ title, actions, children, flush = false, id }: Props) {
  const heading = useId();
  return (
    <section className={classes.panel} aria-labelledby={heading} id={id}>
      <div className={classes.head}>
        <Title order={2} id={heading}>
          {title}
        </Title>
        {actions}
      </div>
      <div className={classes.body} data-flush={flush || undefined}>
        {children}
      </div>
    </section>
  );
}
