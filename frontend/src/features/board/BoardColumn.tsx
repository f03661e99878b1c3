import { Title } from "@mantine/core";
import { useId } from "react";
import type { BoardDatabase, BoardEnvironment, BoardNext } from "@/api/types";
import classes from "./Board.module.css";
import { many } from "./boardWords";
import { DatabaseCard } from "./DatabaseCard";
import { NextUp } from "./NextUp";

type Props = {
  environment: BoardEnvironment;
  /** Name of the next environment; empty at the end. */
  next: string;
  databases: BoardDatabase[];
  mayPromote: boolean;
  onPromote: (next: BoardNext) => void;
};

/** An environment: what could go on from it, and its databases. */
export function BoardColumn({ environment, next, databases, mayPromote, onPromote }: Props) {
  const heading = useId();
  return (
    <section className={classes.column} aria-labelledby={heading}>
      <div className={classes.head}>
        <Title order={2} size="h3" id={heading}>
          {environment.name}
        </Title>
        <span className={classes.quiet}>{many(environment.databases, "database")}</span>
      </div>
      {environment.promotable.map((release) => (
        <NextUp
          key={release.release}
          release={release}
          target={next}
          mayPromote={mayPromote}
          onPromote={() => onPromote(release)}
        />
      ))}
      {environment.next !== null && environment.promotable.length === 0 && (
        <p className={classes.quiet}>
          {databases.some((d) => d.current)
            ? `${next} has everything that is here.`
            : "Nothing has been applied here yet."}
        </p>
      )}
      <ul className={classes.cards} aria-label={`Databases in ${environment.name}`}>
        {databases.map((database) => (
          <DatabaseCard key={database.id} database={database} />
        ))}
      </ul>
    </section>
  );
}
