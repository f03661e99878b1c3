"""Encryption: what each mode promises is kept, and no password goes out where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from penstock.engines.base import Target, TargetUnavailable, TlsMode
from penstock.engines.mysql.connect import open_connection
from tests.certificates import HOST
from tests.engines.conformance.conftest import Own
from tests.engines.conftest import change
from tests.engines.dialects import Dialect
from tests.engines.proxy import Proxy
from tests.engines.recorder import Recorder

OTHER_NAME = "127.0.0.1"  # of the same server, and not in its certificate


async def works(on: Dialect, target: Target, *, encrypted: bool) -> None:
    """The instance test and a change get through, and the session that runs the change is as it should be."""
    report = await on.engine.test(target)
    assert all(step.ok for step in report.steps), report.steps
    assert ("Encrypted" in report.steps[2].detail) is encrypted
    expected = on.words.encrypted if encrypted else f"SELECT NOT ({on.words.encrypted})"
    result = await on.engine.apply(target, change("SELECT 1", verify=[expected]), Recorder())
    assert result.state == "applied", result.failure


async def is_refused(on: Dialect, target: Target, why: str) -> None:
    """Neither the instance test nor a change nor anything else goes on."""
    report = await on.engine.test(target)
    assert (report.steps[-1].name, report.steps[-1].ok, report.authenticated) == ("tls", False, False)
    assert why in report.steps[-1].detail
    result = await on.engine.apply(target, change("SELECT 1"), Recorder(seconds=2))
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.sent) == ("infrastructure", False)
    with pytest.raises(TargetUnavailable):
        await on.engine.introspect(target)


@pytest.mark.parametrize(("mode", "encrypted"), [("disable", False), ("prefer", True), ("require", True)])
async def test_a_certificate_that_nobody_checks(mode: TlsMode, encrypted: bool, own: Own) -> None:
    await works(own.dialect, replace(own.dialect.target, tls=mode), encrypted=encrypted)


@pytest.mark.parametrize("own", ["mariadb"], indirect=True)
async def test_an_encrypted_connection_is_let_go_at_once(own: Own) -> None:
    """It does not wait for the server's good-bye, which a loop that ends never hears."""
    connection = await open_connection(replace(own.dialect.target, tls="require"))
    assert connection._writer is not None
    socket = connection._writer.get_extra_info("socket")
    connection.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert socket.fileno() == -1


async def test_a_certificate_that_we_trust(own: Own) -> None:
    authority = str(own.server.certificate.authority)
    verified = replace(own.dialect.target, host=HOST, tls="verify-full", tls_ca=authority)
    await works(own.dialect, verified, encrypted=True)


async def test_a_certificate_of_an_unknown_authority_is_refused(own: Own) -> None:
    await is_refused(
        own.dialect, replace(own.dialect.target, host=HOST, tls="verify-full"), "CERTIFICATE_VERIFY_FAILED"
    )


async def test_a_certificate_of_another_name_is_refused(own: Own) -> None:
    authority = str(own.server.certificate.authority)
    elsewhere = replace(own.dialect.target, host=OTHER_NAME, tls="verify-full", tls_ca=authority)
    await is_refused(own.dialect, elsewhere, "CERTIFICATE_VERIFY_FAILED")


@pytest.fixture
def clear(own: Own, session_runner: asyncio.Runner) -> Iterator[Own]:
    """The server offers no TLS."""
    own.server.kill()
    session_runner.run(own.server.start(tls=False))
    yield own
    own.server.kill()
    session_runner.run(own.server.start())


@pytest.mark.parametrize("mode", ["require", "verify-full"])
async def test_a_server_without_tls_is_refused_when_tls_is_required(mode: TlsMode, clear: Own) -> None:
    """aiomysql alone would go on in clear text; we do not even say who we are."""
    on = clear.dialect
    proxy = Proxy(on.target.host, on.target.port)
    async with proxy.listening():
        target = replace(on.target, port=proxy.port, tls=mode, username="canary_login", password="hush")
        await is_refused(on, target, "offers no TLS")
    assert b"canary_login" not in proxy.heard and b"hush" not in proxy.heard


async def test_a_server_without_tls_will_do_where_tls_is_only_preferred(clear: Own) -> None:
    target = replace(clear.dialect.target, tls="prefer")
    assert "clear text" in (await clear.dialect.engine.test(target)).steps[2].detail
    await works(clear.dialect, target, encrypted=False)
