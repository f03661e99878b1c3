import { valueText } from "./facts";
import classes from "./TaskFacts.module.css";
import type { Rows } from "./taskTitle";

/** The first rows of an answer that was not what it should be. */
export function AnswerRows({ answer }: { answer: Rows }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: wide answers are scrolled, also by keyboard
    <section className={classes.answer} tabIndex={0} aria-label="Rows that were found">
      <table>
        <thead>
          <tr>
            {answer.columns.map((column, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name, and none moves
              <th key={at} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.rows.map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two rows may be alike, and none moves
            <tr key={at}>
              {row.map((value, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: see above
                <td key={column}>{typeof value === "string" ? value : valueText(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {answer.note && <p className={classes.note}>{answer.note}</p>}
    </section>
  );
}
