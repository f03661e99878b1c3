"""``database.query``: asks one database a question, compares the answer with what was expected, and keeps the first row
as outputs.  It only ever reads, so any attempt may ask anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from penstock.domain.pipeline.query import Answer, Query, judge
from penstock.engines.base import Engine, EngineName, Failure, QueryResult, TargetUnavailable
from penstock.runtime.port import TaskPort
from penstock.runtime.work.base import again, failed, gave_up
from penstock.runtime.work.on_database import OnDatabase, Releases
from penstock.services.targets import Targets
from penstock.sql.reading import NotAQuery, the_query
from penstock.store import contexts, queue, runs
from penstock.store.database import Database

_AGAIN: Final = ("connect", "transaction")


class DatabaseQuery(OnDatabase):
    """Asks."""

    type = "database.query"

    def __init__(
        self,
        database: Database,
        releases: Releases,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
        deployment: str,
    ) -> None:
        super().__init__(releases, targets, engine_for, deployment)
        self._database = database

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Ask, and judge the answer."""
        if claimed.proof_only:
            return _abandoned(claimed)
        async with self._database.connect() as conn:
            briefing = await contexts.of_task(conn, claimed.id)
        query = Query.of_options(briefing.options)
        for stage in briefing.content["stages"]:
            port.log("debug", f"Before: {stage['name']} ({stage['relation']}) is {stage['status']}.")
        engine, target = self._open(claimed)
        try:
            statement = the_query(query.statement, target.engine)
            result = await engine.query(target, statement, port)
        except NotAQuery as error:  # it was one when it was filed
            return _failed(claimed, port, Failure("check", error.code, error.message))
        except TargetUnavailable as error:
            result = QueryResult("failed", failure=error.failure)
        return self._ended(claimed, port, query, result)

    def _ended(self, claimed: queue.Claimed, port: TaskPort, query: Query, result: QueryResult) -> runs.End:
        if result.state == "canceled":
            return runs.End(claimed, "canceled" if port.cancel_reason == "person" else "ready")
        if result.answer is not None:
            return _judged(claimed, port, query, result.answer)
        assert result.failure is not None
        # Nothing of it stays in the database, whatever became of it: for what waits for a target, nothing was sent.
        asked = replace(claimed, sent=False, rescues=0)
        if result.failure.retry in _AGAIN and not gave_up(asked):
            port.log("warning", result.failure.message)
            return replace(again(asked, result.failure, sent=False), claimed=claimed)
        return _failed(claimed, port, result.failure)


def _judged(claimed: queue.Claimed, port: TaskPort, query: Query, answer: Answer) -> runs.End:
    verdict = judge(query, answer)
    port.progress_text = answer.count
    if verdict.message is not None:
        failure = Failure("check", verdict.code or "check", verdict.message, hint=verdict.hint, data=verdict.data)
        return _failed(claimed, port, failure)
    port.log("info", f"The query answered {answer.count}{_as_expected(query)}.")
    if verdict.left_out:
        names = ", ".join(verdict.left_out[:10])
        port.log("warning", f"Not kept as outputs, for their names or their length: {names}.")
    return runs.End(claimed, "succeeded", outputs=verdict.outputs)


def _as_expected(query: Query) -> str:
    return ", as expected" if query.expect is not None else ""


def _failed(claimed: queue.Claimed, port: TaskPort, failure: Failure) -> runs.End:
    port.log("error", failure.message)
    return failed(claimed, failure, sent=False)


def _abandoned(claimed: queue.Claimed) -> runs.End:
    """A runner was lost over it too often, or while it was being canceled."""
    if claimed.canceling:
        return runs.End(claimed, "canceled")
    message = f"The runner was lost {claimed.rescues} times while it worked on this query."
    return failed(claimed, Failure("infrastructure", "runner_lost", message), sent=False)
