import { lazy, Suspense } from "react";
import type { Failure } from "@/api/types";
import classes from "./TaskDetail.module.css";
import { answerRows } from "./taskTitle";
import { failurePlace, failureTitle } from "./taskWords";

const AnswerRows = lazy(() => import("./AnswerRows").then((m) => ({ default: m.AnswerRows })));

/** What went wrong, in the server's words, and where in the script. */
export function FailureBox({ failure }: { failure: Failure }) {
  const place = failurePlace(failure);
  const answer = answerRows(failure);
  return (
    <div className={classes.failure}>
      <strong>{failureTitle(failure)}</strong>
      {place && ` · ${place}`}
      {failure.code && (
        <>
          {" · "}
          <span className="mono">{failure.code}</span>
        </>
      )}
      <pre className={classes.message}>{failure.message}</pre>
      {answer && (
        <Suspense>
          <AnswerRows answer={answer} />
        </Suspense>
      )}
      {failure.hint && <p className={classes.hint}>{failure.hint}</p>}
    </div>
  );
}
