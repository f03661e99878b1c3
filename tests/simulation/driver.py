"""Takes the place of asyncpg: a connection of a simulated process to a simulated server, over a network with faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncpg

from penstock.engines.base import Target
from tests.simulation.loops import ProcessLoop
from tests.simulation.target import EFFECT, Message, Session

if TYPE_CHECKING:
    from tests.simulation.world import World


class Connection:
    """As much of `asyncpg.Connection` as the engine uses."""

    def __init__(self, world: World, loop: ProcessLoop, target: Target) -> None:
        self.world = world
        self.name = target.application_name
        self._loop = loop
        self._closed = False  # as far as the client knows
        self._silent = False  # the network swallows everything
        self._arrives = 0.0  # when what was sent last does
        self._in_transaction = False
        self._waiting: asyncio.Future[Any] | None = None
        self._left: asyncio.Future[Any] | None = None  # an answer that nobody waits for any more
        base = world.server.base(target.database or "postgres")
        self.session = Session(world.server, base, self.name, loop.process.name, self._hung_up)
        world.connections.append(self)

    # What the engine calls.

    def is_closed(self) -> bool:
        return self._closed

    def is_in_transaction(self) -> bool:
        return self._in_transaction

    def get_server_pid(self) -> int:
        return self.session.pid

    def add_log_listener(self, _: object) -> None:
        """Nothing is ever remarked."""

    remove_log_listener = add_log_listener

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        answer = await self._ask(query, args, timeout)
        if query == "COMMIT" or query == "ROLLBACK":
            self._in_transaction = False
        elif query.startswith("BEGIN "):
            self._in_transaction = True
        return str(answer)

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        return await self._ask(query, args, timeout)

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        rows = await self._ask(query, args, timeout)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        rows = await self._ask(query, args, timeout)
        return rows[0][0] if rows else None

    async def close(self, timeout: float | None = None) -> None:
        self.terminate()

    def terminate(self) -> None:
        if not self._closed and self._loop.process.alive:
            self._drop(asyncpg.InterfaceError("connection is closed"))
            self._say_goodbye()

    # What the world does.

    def process_died(self, process: object) -> None:
        """Its kernel closes the connection, unless the whole machine is gone."""
        if process is self._loop.process and not self._closed:
            self._closed = True
            if self.world.chance.random() < 0.8:
                self._say_goodbye()
            else:
                self.world.timeline.after(20.0, self.session.lose_client)  # keepalives find out

    def cut(self) -> None:
        """Both sides learn that the connection is gone, each in its own time."""
        if not self._closed:
            self.world.trace(self._loop.process.name, "its connection to pid {} is cut", self.session.pid)
            self._drop(_lost())
            self._say_goodbye()

    def swallow(self) -> None:
        """Neither side learns anything from now on."""
        if not self._closed:
            self.world.trace(self._loop.process.name, "nothing passes between it and pid {}", self.session.pid)
            self._silent = True

    # How it works.

    def _say_goodbye(self) -> None:
        if not self._silent:
            self._arrives = max(self._arrives, self.world.timeline.now + self.world.faults.network_seconds())
            self.world.timeline.at(self._arrives, self.session.lose_client)
        else:
            self.world.timeline.after(20.0, self.session.lose_client)

    def _drop(self, error: Exception) -> None:
        self._closed = True
        for waiting in (self._waiting, self._left):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
                waiting.exception()

    def _hung_up(self) -> None:
        """The server's session has ended."""
        if not self._silent:
            self.world.timeline.after(self.world.faults.network_seconds(), self._lost)

    def _lost(self) -> None:
        if not self._closed and self._loop.process.alive:
            self._drop(_lost())

    async def _ask(self, text: str, args: tuple[Any, ...], timeout: float | None) -> Any:
        if self._left is not None and not self._left.done():
            left = self._left
            async with asyncio.timeout(timeout or 10):
                await asyncio.wait({left})
        if self._closed:
            raise asyncpg.InterfaceError("connection is closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting = future
        self._send(text, args, future)
        bell = self._loop.call_later(timeout, _ring, future) if timeout else None
        try:
            answer = await future
        except BaseException as error:
            if isinstance(error, TimeoutError | asyncio.CancelledError) and not self._closed:
                self._left, self._waiting = self._loop.create_future(), None
                self._left_for = future
                self.world.timeline.after(self.world.faults.network_seconds(), self.session.cancel)
            raise
        finally:
            if bell is not None:
                bell.cancel()
        if isinstance(answer, Exception):
            if isinstance(answer, asyncpg.exceptions.OperatorInterventionError) and not isinstance(
                answer, asyncpg.exceptions.QueryCanceledError
            ):
                self._closed = True
            raise answer
        return answer

    def _send(self, text: str, args: tuple[Any, ...], future: asyncio.Future[Any]) -> None:
        if text.startswith(EFFECT):
            self.world.laws.sent(self.name, self.session)
        faults, timeline = self.world.faults, self.world.timeline
        fate = faults.fate_of_a_message(text)
        if fate == "request lost":
            self.cut()
            return
        if fate == "swallowed":
            self.swallow()
        if self._silent:
            return
        self._arrives = max(self._arrives, timeline.now + faults.network_seconds())

        def replied(answer: Any) -> None:
            if fate == "reply lost":
                timeline.after(faults.network_seconds(), self.cut)
            elif not self._silent:
                timeline.after(faults.network_seconds(), self._answered, future, answer)

        timeline.at(self._arrives, self.session.receive, Message(text, args, replied))

    _left_for: asyncio.Future[Any] | None = None

    def _answered(self, future: asyncio.Future[Any], answer: Any) -> None:
        if self._silent or not self._loop.process.alive:
            return
        if not future.done():
            future.set_result(answer)
        elif future is self._left_for and self._left is not None and not self._left.done():
            self._left.set_result(None)


def _ring(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())


def _lost() -> Exception:
    error: Exception = asyncpg.exceptions.ConnectionDoesNotExistError(
        "connection was closed in the middle of operation"
    )
    return error


def connector(world: World) -> Callable[..., Any]:
    """What takes the place of `penstock.engines.postgres.connect._connect`."""

    async def opened(target: Target, settings: object) -> Connection:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ProcessLoop)
        await asyncio.sleep(world.faults.network_seconds() * 3)
        if not world.server.up or world.faults.refuses_connection():
            raise ConnectionRefusedError("connection refused")
        connection = Connection(world, loop, target)
        if taking := world.connected(connection.session):
            await asyncio.sleep(taking)
        return connection

    return opened
