"""What is logged comes out as one line, and without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from penstock.logging import configure


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)

    structlog.get_logger("penstock.runner").info("task.started", task_id=7)

    line = json.loads(stream.getvalue())
    assert line["event"] == "task.started"
    assert line["logger"] == "penstock.runner"
    assert (line["level"], line["task_id"]) == ("info", 7)
    assert line["timestamp"].endswith("Z")


def test_libraries_take_the_same_way(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)

    logging.getLogger("some.library").warning("%d retries", 3)

    assert json.loads(stream.getvalue())["event"] == "3 retries"


def test_keys_that_tell_a_secret_are_dropped(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)

    structlog.get_logger("penstock").info(
        "connecting",
        password="p-1",
        api_token="p-2",
        client_secret="p-3",
        dsn="p-4",
        token_id=5,
        options={"Password": "p-6", "user": "ana"},
    )

    text = stream.getvalue()
    assert "p-" not in text
    assert json.loads(text)["token_id"] == 5
    assert json.loads(text)["options"] == {"user": "ana"}


def test_secrets_inside_text_are_masked(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)

    structlog.get_logger("penstock").warning(
        "cannot reach postgresql://ana:s3cret@db:5432/shop", header="Bearer pst_AbC-123_x"
    )

    line = json.loads(stream.getvalue())
    assert line["event"] == "cannot reach postgresql://ana:***@db:5432/shop"
    assert line["header"] == "Bearer pst_***"


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(stream: io.StringIO, format: str) -> None:
    configure(format="json" if format == "json" else "console", stream=stream)

    def connect(secret_value: str) -> None:
        raise ConnectionError("refused")

    try:
        connect("hunter" + "2")
    except ConnectionError:
        structlog.get_logger("penstock").exception("failed")

    assert "ConnectionError: refused" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_no_colour_codes_outside_a_terminal(stream: io.StringIO) -> None:
    configure(format="console", stream=stream)

    structlog.get_logger("penstock").error("bad")

    assert "\x1b" not in stream.getvalue()
