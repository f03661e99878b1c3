"""Works out what definitions a change will leave, by running its statements on an empty copy before they run for real.

Only definitions that the change touches are copied. Statements are rehearsed from the first one that somebody asks for
to the first one whose result cannot be foreseen; after that one has run for real, a new rehearsal begins.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

import pymysql

from penstock.domain import failpoints
from penstock.engines.base import RunPort, Target, TargetUnavailable
from penstock.engines.mysql.codes import DENIED
from penstock.engines.mysql.copying import Copies, create, read
from penstock.engines.mysql.driver import BROKEN, Connection, code_of, is_answer, message_of
from penstock.engines.mysql.failures import of_our_own
from penstock.engines.mysql.fingerprint import ABSENT, describe, describe_absence
from penstock.engines.mysql.plan import Part, Step
from penstock.engines.mysql.points import Point
from penstock.engines.mysql.portable import Role, moved, role
from penstock.engines.mysql.rehearsals import Rehearsals
from penstock.engines.mysql.scratch import Scratch
from penstock.engines.patience import Patience
from penstock.sql.mysql.ddl import Object
from penstock.sql.splitter.mysql_tokens import Dialect

_LONGEST: Final = 60.0  # seconds; a server that takes longer for empty tables does not answer any more
_WITHOUT: Final = "If this is interrupted, it may be that nobody can tell how it ended."


class Rehearsal:
    """What the steps of one change will leave. Use once per try.

    Args:
        steps: all steps of the change, those included that are done.
        known: what other rehearsals have shown.
    """

    def __init__(self, target: Target, steps: Sequence[Step], port: RunPort, known: Rehearsals | None = None) -> None:
        self._target = target
        self._known = known if known is not None else Rehearsals()
        self._database = target.database or ""
        self._dialect = Dialect(mariadb=target.engine == "mariadb")
        self._steps = steps
        self._port = port
        self._patience = Patience.of(port)
        self._scratch = Scratch(target)
        self._foreseen: dict[int, str] = {}
        self._roles: dict[int, Role] = {}
        self._tried: set[int] = set()
        self._refused = False

    async def describe(self, objects: Sequence[Object]) -> str:
        """How objects are in the target right now, read by a session that no script has touched.

        Raises:
            TargetUnavailable: no connection, or it was lost.
        """
        try:
            async with asyncio.timeout(min(_LONGEST, self._patience.left)):
                return await describe(await self._scratch.eyes(), self._database, objects)
        except BROKEN as error:
            raise TargetUnavailable(of_our_own(error)) from error

    async def expected(self, step: Step) -> str | None:
        """How what a step defines will be once it is done; None when that cannot be foreseen.

        Raises:
            TargetUnavailable: no connection to rehearse on, or it was lost.
            LeaseLost, Interrupted: between two statements, from the port.
        """
        found = step.parts[0].found
        if found.gone:
            return describe_absence(found.defines)
        if found.resume != "compare" or not found.defines or self._refused:
            return None
        if step.seq not in self._tried:
            await self._rehearse(step)
        return self._foreseen.get(step.seq)

    @property
    def foreseen(self) -> Mapping[int, str]:
        """Everything that is known so far, by the ``seq`` of the step."""
        return self._foreseen

    def comparable(self, step: Step) -> dict[str, Sequence[Object]]:
        """What this step defines, and those whose result is known, where that decides: by their digests."""
        known = [each for each in self._steps if each.seq in self._foreseen]
        return {
            each.digest: each.parts[0].found.defines
            for each in (*known, step)
            if each.parts[0].found.resume == "compare"
        }

    async def close(self) -> None:
        """Leave nothing behind."""
        await self._scratch.close()

    async def _rehearse(self, first: Step) -> None:
        self._tried.add(first.seq)
        act = self._act(first)
        played = [step.parts[0] for step in act if not step.transactional and self._role(step) == "run"]
        if not played or played[0] is not first.parts[0]:
            return
        try:
            async with asyncio.timeout(min(_LONGEST, self._patience.left)):
                eyes = await self._scratch.eyes()
                surroundings = await self._scratch.surroundings()
                copies = await read(eyes, self._database, played, self._dialect)
                key = self._key(act, surroundings, copies)
                if (shown := self._known.recall(key)) is not None:
                    self._foreseen.update(shown)
                    self._tried.update(shown)
                    return
                eyes = await self._scratch.make(surroundings)
                await create(eyes, copies)
                await self._play(act, eyes)
                failpoints.reach(Point.REHEARSED)
                await self._scratch.drop()
                asked = {step.seq for step in act if self._asks(step)}
                if asked <= self._foreseen.keys():  # what was refused is said again in every database
                    self._known.remember(key, {seq: self._foreseen[seq] for seq in asked})
        except BROKEN as error:
            if not is_answer(error):
                raise TargetUnavailable(of_our_own(error)) from error
            self._refused = code_of(error) in DENIED
            self._port.log("warning", f"Not rehearsed in a scratch database: {message_of(error)}. {_WITHOUT}")

    def _act(self, first: Step) -> list[Step]:
        """The steps to rehearse together, up to the last one whose result is asked for."""
        act: list[Step] = []
        asked = 0
        for step in self._steps:
            if step.seq < first.seq:
                continue
            if not step.transactional and self._role(step) == "lose":
                break
            act.append(step)
            if self._asks(step):
                asked = len(act)
        return act[:asked]

    def _asks(self, step: Step) -> bool:
        """Whether somebody will ask what it leaves, and only a rehearsal can tell."""
        found = step.parts[0].found
        return not step.transactional and found.resume == "compare" and not found.gone and self._role(step) != "skip"

    def _key(self, act: Sequence[Step], surroundings: Sequence[object], copies: Copies) -> str:
        """All that the result follows from; the database's name only where a statement mentions it."""
        until = [step for step in self._steps if step.seq <= act[-1].seq]
        name = self._database.lower()
        mentioned = any(name in part.statement.text.lower() for step in until for part in step.parts)
        target = self._target
        facts = (
            *(target.engine, target.host, target.port, target.username, self._database if mentioned else None),
            *(tuple(map(str, surroundings)), act[0].seq, [(step.seq, step.digest) for step in until]),
            *(copies.relations, copies.views, copies.routines),
        )
        return sha256(json.dumps(facts).encode()).hexdigest()

    def _role(self, step: Step) -> Role:
        if step.seq not in self._roles:
            self._roles[step.seq] = role(step.parts[0], self._database, self._dialect)
        return self._roles[step.seq]

    async def _play(self, act: Sequence[Step], eyes: Connection) -> None:
        actor = await self._scratch.actor()
        try:
            for step in self._steps:
                if step.seq >= act[0].seq:
                    break
                await self._set(actor, step)
            for step in act:
                self._port.may_start_statement()
                self._patience.check()
                await self._set(actor, step)
                if step.transactional or self._role(step) == "skip":
                    continue
                self._tried.add(step.seq)
                if not await self._perform(actor, step.parts[0]):
                    return
                if self._asks(step):
                    found, place = step.parts[0].found, self._scratch.place
                    self._foreseen[step.seq] = await describe(eyes, self._database, found.defines, place=place)
        finally:
            actor.close()

    async def _set(self, actor: Connection, step: Step) -> None:
        """What the step does to its session, as far as that is no data."""
        for part in step.parts:
            if part.found.kind == "set" and part.found.session and not part.found.keeps_data:
                await actor.run(part.statement.text)
                await actor.run("SET SESSION foreign_key_checks = 0")  # tables that they lead to are not copied

    async def _perform(self, actor: Connection, part: Part) -> bool:
        statement = moved(part.statement.text, self._database, self._scratch.place, self._dialect)
        try:
            await actor.run(statement)
        except pymysql.err.MySQLError as error:
            if not is_answer(error):
                raise
            if part.found.gone and code_of(error) in ABSENT:
                return True
            said = message_of(error).replace(self._scratch.place, self._database)
            self._port.log("debug", f"An empty copy refuses this: {said}. {_WITHOUT}", part.statement.index)
            return False
        return True
