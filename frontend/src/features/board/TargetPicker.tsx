import { Button, Checkbox, TextInput } from "@mantine/core";
import { useState } from "react";
import type { PromotionPreview } from "@/api/types";
import classes from "./Board.module.css";
import { many } from "./boardWords";

type Target = PromotionPreview["databases"][number];
type Props = {
  databases: Target[];
  /** Those that are left out. */
  left: ReadonlySet<number>;
  onLeft: (left: ReadonlySet<number>) => void;
};

const SHOWN = 200;
const SEARCHED = 10;
const nameOf = (d: Target) => `${d.instance}/${d.name}`;

/** A database, and how much of the release it lacks. */
function Standing({ target }: { target: Target }) {
  return (
    <>
      {nameOf(target)}{" "}
      <span className={classes.quiet}>
        {target.pending > 0 ? `lacks ${many(target.pending, "change")}` : "has all of it"}
      </span>
    </>
  );
}

/** The databases that a release goes to: all of the environment, unless some are left out. */
export function TargetPicker({ databases, left, onLeft }: Props) {
  const [text, setText] = useState("");
  const found = databases.filter((d) => nameOf(d).includes(text.trim()));
  const chosen = databases.length - left.size;
  const put = (some: Target[], into: boolean) => {
    const ids = new Set(some.map((d) => d.id));
    onLeft(new Set(into ? [...left].filter((id) => !ids.has(id)) : [...left, ...ids]));
  };
  const every = found.every((d) => !left.has(d.id));
  return (
    <section aria-label="Databases">
      <div className={classes.line}>
        <h3 className={classes.part}>
          {left.size === 0 ? many(chosen, "database") : `${chosen} of ${many(databases.length, "database")}`}
        </h3>
        {found.length > 1 && (
          <Button variant="subtle" size="compact-sm" onClick={() => put(found, !every)}>
            {every ? "Choose none" : "Choose all"}
          </Button>
        )}
      </div>
      {databases.length > SEARCHED && (
        <TextInput
          aria-label="Search databases"
          placeholder="Search"
          mb={6}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
        />
      )}
      <ul className={classes.targets}>
        {found.slice(0, SHOWN).map((d) => (
          <li key={d.id}>
            {databases.length === 1 ? (
              <Standing target={d} />
            ) : (
              <Checkbox
                checked={!left.has(d.id)}
                onChange={(e) => put([d], e.currentTarget.checked)}
                label={<Standing target={d} />}
              />
            )}
          </li>
        ))}
      </ul>
      {found.length > SHOWN && (
        <div className={classes.quiet}>and {found.length - SHOWN} more: search for them</div>
      )}
    </section>
  );
}
