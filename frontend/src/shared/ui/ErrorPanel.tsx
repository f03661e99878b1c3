import { Button } from "@mantine/core";
import { CircleAlert, Lock } from "lucide-react";
import { ApiError, explain } from "@/api/errors";
import classes from "./Panel.module.css";

type Props = { error: unknown; retry?: (() => void) | undefined; title?: string };

/** An error where it happened: what, the request id to quote, Retry. What was read before stays on the page. */
export function ErrorPanel({ error, retry, title }: Props) {
  const problem = error instanceof ApiError ? error.problem : undefined;
  const forbidden = problem?.status === 403;
  const missing = problem?.status === 404;
  const Icon = forbidden ? Lock : CircleAlert;
  const heading =
    title ?? (forbidden ? "You may not see or do this" : missing ? "Not found" : "This did not work");
  return (
    <div className={classes.error} role="alert">
      <Icon size={16} aria-hidden />
      <div className={classes.errorText}>
        <strong>{heading}</strong>
        {explain(error)}
        {forbidden &&
          !/\bask\b/i.test(explain(error)) &&
          " A project owner or a workspace administrator can give you access."}
        {missing && " It may have been removed, or you have no access to its project."}
        {problem?.request_id && (
          <div className={classes.request}>
            Request <span className="mono">{problem.request_id}</span>
          </div>
        )}
      </div>
      {retry && !forbidden && (
        <Button variant="default" onClick={retry}>
          Retry
        </Button>
      )}
    </div>
  );
}
