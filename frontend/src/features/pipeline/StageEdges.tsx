import { useLayoutEffect, useRef, useState } from "react";
import type { StageOut } from "@/api/types";
import { stageEdges } from "./edges";
import classes from "./StageRail.module.css";

/** Above this the lines would be a net that nobody can read, and slow; the words on the cards remain. */
const MOST_DRAWN = 200;

type Line = { key: string; path: string; weak: boolean; ends: string[] };

/** The lines between the cards of the surrounding box, drawn behind them. They only repeat what the cards say in words. */
export function StageEdges({ stages, selected }: { stages: StageOut[]; selected: string | undefined }) {
  const drawing = useRef<SVGSVGElement>(null);
  const [lines, setLines] = useState<Line[]>([]);
  // Statuses change all the time; only other stages or other needs move a line.
  const shape = JSON.stringify(stages.length > MOST_DRAWN ? [] : stageEdges(stages));
  useLayoutEffect(() => {
    const node = drawing.current?.parentElement;
    if (!node) return;
    const edges = JSON.parse(shape) as ReturnType<typeof stageEdges>;
    const draw = () => {
      const origin = node.getBoundingClientRect();
      const cards = new Map(
        [...node.querySelectorAll<HTMLElement>("[data-stage]")].map((c) => [
          c.dataset.stage,
          c.getBoundingClientRect(),
        ]),
      );
      setLines(
        edges.slice(0, MOST_DRAWN).flatMap(({ from, to, weak }) => {
          const [a, b] = [cards.get(from), cards.get(to)];
          if (!a || !b) return [];
          const [x, y] = [a.right - origin.left, a.top - origin.top + a.height / 2];
          const [u, v] = [b.left - origin.left, b.top - origin.top + b.height / 2];
          const bend = Math.min(24, Math.max(8, (u - x) / 2));
          return [
            {
              key: `${from}/${to}`,
              weak,
              ends: [from, to],
              path: `M${x} ${y}C${x + bend} ${y} ${u - bend} ${v} ${u} ${v}`,
            },
          ];
        }),
      );
    };
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(node);
    return () => observer.disconnect();
  }, [shape]);
  return (
    <svg ref={drawing} className={classes.edges} aria-hidden="true">
      {lines.map((l) => (
        <path
          key={l.key}
          d={l.path}
          data-weak={l.weak || undefined}
          data-on={(selected !== undefined && l.ends.includes(selected)) || undefined}
        />
      ))}
    </svg>
  );
}
