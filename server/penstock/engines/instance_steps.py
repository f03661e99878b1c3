"""What tests of instances have in common, whatever the engine: they go step by step, so that a person sees which one
fails, and the first steps are the network's."""

from __future__ import annotations

import abc
import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from penstock.engines.base import InstanceReport, LedgerProtection, Support, Target, TargetUnavailable, TestStep


class StepFailed(Exception):
    """A step found what is wrong."""


class InstanceSteps(abc.ABC):
    """One test of one instance. Use once; engines add the steps from TLS on.

    Args:
        broken: what the engine's driver raises.
    """

    broken: ClassVar[tuple[type[BaseException], ...]]

    def __init__(self, target: Target) -> None:
        self._target = target
        self._steps: list[TestStep] = []
        self._flavour: str | None = None
        self._version: str | None = None
        self._identity: str | None = None
        self._privileges: tuple[str, ...] = ()
        self._ledger: LedgerProtection = "unknown"

    async def run(self) -> InstanceReport:
        """Take the steps in order; the first that fails is the last."""
        steps: dict[str, Callable[[], Awaitable[str]]] = {
            "dns": self._dns,
            "tcp": self._tcp,
            "tls": self._tls,
            "login": self._login,
            "version": self._check_version,
            "privileges": self._check_privileges,
        }
        try:
            for name, step in steps.items():
                if not await self._take(name, step):
                    break
        finally:
            self._hang_up()
        passed = {step.name for step in self._steps if step.ok}
        return InstanceReport(
            reachable="tcp" in passed,
            authenticated="login" in passed,
            version=self._version,
            flavour=self._flavour,
            support=self._support(),
            privileges=self._privileges,
            ledger=self._ledger,
            identity=self._identity,
            steps=tuple(self._steps),
        )

    async def _take(self, name: str, step: Callable[[], Awaitable[str]]) -> bool:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._target.connect_timeout + 1):  # connecting has a time of its own
                detail, ok = await step(), True
        except TimeoutError:
            detail, ok = f"No answer within {self._target.connect_timeout:g} s.", False
        except StepFailed as error:
            detail, ok = str(error), False
        except TargetUnavailable as error:
            detail, ok = error.message, False
        except self.broken as error:
            detail, ok = self._words(error), False
        self._steps.append(TestStep(name, ok, detail, round((time.monotonic() - started) * 1000, 1)))
        return ok

    async def _dns(self) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise StepFailed(f"The name {self._target.host!r} cannot be resolved: {error}") from error
        return ", ".join(sorted({str(address[4][0]) for address in found}))

    async def _tcp(self) -> str:
        _, writer = await asyncio.open_connection(self._target.host, self._target.port)
        writer.close()
        return f"Port {self._target.port} answers."

    @abc.abstractmethod
    async def _tls(self) -> str:
        """Whether what follows is encrypted."""

    @abc.abstractmethod
    async def _login(self) -> str:
        """Whether the server lets us in."""

    @abc.abstractmethod
    async def _check_version(self) -> str:
        """Which server it is, and whether we know it."""

    @abc.abstractmethod
    async def _check_privileges(self) -> str:
        """What the login may do."""

    @abc.abstractmethod
    def _support(self) -> Support | None:
        """How far such servers are supported; None when it was not learned."""

    @abc.abstractmethod
    def _words(self, error: BaseException) -> str:
        """What the driver's error says."""

    @abc.abstractmethod
    def _hang_up(self) -> None:
        """Close what is open."""
