"""How the command line speaks to a server: what it repeats, how long it waits, how it ends; over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.cli.remote.client import BLOCKED, DONE, FAILED, UNAUTHENTICATED, Json, Remote, RemoteError
from penstock.cli.remote.follow import Outcome, follow
from penstock.cli.remote.profile import Profile
from tests.scripted_server import CUT, Answer, Asked, Scripted, events, problem, scripted

HTML = Answer("<html>Welcome</html>", kind="text/html")
BUSY = Answer("<html>Bad gateway</html>", 502, kind="text/html")


class Talk:
    """A client and a server that gives these answers, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.pauses: list[float] = []
        self._answers = iter(answers)
        self._last = answers[-1]
        self._context = scripted(lambda _: next(self._answers, self._last))

    def __enter__(self) -> Talk:
        self.server: Scripted = self._context.__enter__()
        self.remote = Remote(Profile(self.server.url, "pst_x"), pause=self.pauses.append)
        return self

    def __exit__(self, *_: object) -> None:
        self.remote.__exit__(None, None, None)
        self._context.__exit__(None, None, None)


def test_a_token_goes_along() -> None:
    with Talk(Answer({})) as talk:
        talk.remote.get("/issues")
        assert talk.server.asked[0].headers["authorization"] == "Bearer pst_x"


@pytest.mark.parametrize("answer", [CUT, BUSY, problem("unavailable", 503), problem("rate_limited", 429)])
def test_what_changes_nothing_by_being_repeated_is_tried_four_times(answer: Answer) -> None:
    with Talk(answer) as talk:
        with pytest.raises(RemoteError) as caught:
            talk.remote.get("/issues")
        assert caught.value.passing and caught.value.exit_code == FAILED
        assert len(talk.server.asked) == 4 and talk.pauses == [1, 2, 4]


@pytest.mark.parametrize("answer", [CUT, BUSY])
def test_what_might_happen_twice_is_not_repeated(answer: Answer) -> None:
    with Talk(answer) as talk:
        with pytest.raises(RemoteError):
            talk.remote.post("/tasks/1/retry")
        assert len(talk.server.asked) == 1 and talk.pauses == []


def test_what_is_created_is_created_once_under_one_key() -> None:
    with Talk(CUT, BUSY, Answer({"id": 1})) as talk:
        assert talk.remote.create("/issues", {}) == {"id": 1}
        first, *others = [asked.headers["idempotency-key"] for asked in talk.server.asked]
        assert len(first) >= 32 and others == [first, first]
        talk.remote.create("/issues", {})
        assert talk.server.asked[-1].headers["idempotency-key"] != first
        talk.remote.create("/issues", {}, key="build-7")
        assert talk.server.asked[-1].headers["idempotency-key"] == "build-7"


@pytest.mark.parametrize(("said", "waited"), [("7", 7), ("100000", 30), ("soon", 1)])
def test_a_server_says_how_long_to_wait_within_reason(said: str, waited: float) -> None:
    with Talk(problem("rate_limited", 429, Retry_After=said), Answer({})) as talk:
        talk.remote.get("/issues")
        assert talk.pauses == [waited]


def pages(asked: Asked) -> Answer:
    """Five things, two at a time."""
    begin, size = int(asked.query.get("page_token", 0)), 2
    found = [{"id": n} for n in range(begin, min(begin + size, 5))]
    return Answer({"items": found, "next_page_token": str(begin + size) if begin + size < 5 else None})


@pytest.mark.parametrize(("limit", "found", "asked"), [(None, 5, 3), (3, 3, 2), (2, 2, 1), (9, 5, 3)])
def test_lists_are_read_to_their_end_or_limit(limit: int | None, found: int, asked: int) -> None:
    with scripted(pages) as server, Remote(Profile(server.url, None)) as remote:
        assert [each["id"] for each in remote.items("/issues", limit=limit)] == list(range(found))
        assert len(server.asked) == asked
        assert server.asked[0].query["page_size"] == str(limit or 200)


@pytest.mark.parametrize(
    ("answer", "code", "exit_code"),
    [
        (problem("blocked", 409), "blocked", BLOCKED),
        (problem("unauthenticated", 401), "unauthenticated", UNAUTHENTICATED),
        (problem("forbidden", 403), "forbidden", FAILED),
        (Answer("<html>No</html>", 404, kind="text/html"), "not_penstock", FAILED),
        (HTML, "not_penstock", FAILED),
        (Answer([1]), "not_penstock", FAILED),
        (Answer("", 302, {"Location": "https://sso.example.com"}), "not_penstock", FAILED),
    ],
)
def test_refusals_and_strangers(answer: Answer, code: str, exit_code: int) -> None:
    with Talk(answer) as talk, pytest.raises(RemoteError) as caught:
        talk.remote.get("/issues")
    assert (caught.value.problem["code"], caught.value.exit_code) == (code, exit_code)


@pytest.mark.parametrize("answer", [HTML, Answer("data: {\n\n", kind="text/event-stream")])
def test_a_stream_of_a_stranger_is_a_refusal(answer: Answer) -> None:
    with Talk(answer) as talk, pytest.raises(RemoteError) as caught:
        list(talk.remote.stream("/events/stream", after=None))
    assert caught.value.problem["code"] == "not_penstock"


def test_a_stream_goes_on_where_it_was() -> None:
    with Talk(events(("5", "line", {"a": 1}))) as talk:
        assert list(talk.remote.stream("/runs/1/log", after=4)) == [("5", "line", {"a": 1})]
        list(talk.remote.stream("/runs/1/log", after=None))
        assert [asked.headers.get("last-event-id") for asked in talk.server.asked] == ["4", None]


class Screen:
    """What was shown."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def event(self, record: Json) -> None:
        self.events.append(record["type"])

    def state(self, pipeline: Json) -> None:
        """Not of interest here."""


def watched(results: Iterator[str], streams: Iterator[Answer], **how: Any) -> tuple[Outcome, list[Asked], Screen]:
    """Watch pipeline 7, whose result is each of these in turn, with as many events; on streams that are each of
    these."""
    last, version = "running", 0

    def answer(asked: Asked) -> Answer:
        nonlocal last, version
        if asked.path == "/events/stream":
            return next(streams, problem("unauthenticated", 401))
        if (now := next(results, None)) is not None:
            last, version = now, version + 1
        return Answer({"id": 7, "result": last, "version": version, "stages": []})

    screen = Screen()
    with scripted(answer) as server, Remote(Profile(server.url, None), pause=lambda _: None) as remote:
        outcome = follow(remote, 7, screen, pause=lambda _: None, **how)
    return outcome, server.asked, screen


HELLO: tuple[str, str, Json] = ("", "", {})


def told(version: int, type: str, pipeline: int = 7) -> tuple[str, str, Json]:
    """An event of a pipeline, as the stream says it."""
    return str(40 + version), type, {"pipeline": pipeline, "version": version, "type": type}


@pytest.mark.parametrize(
    ("result", "exit_code"), [("succeeded", DONE), ("failed", FAILED), ("error", FAILED), ("canceled", FAILED)]
)
def test_the_result_is_the_exit_code(result: str, exit_code: int) -> None:
    outcome, _, _ = watched(iter([result]), iter([events(HELLO)]))
    assert outcome.exit_code == exit_code


def test_what_is_blocked_is_waited_for_unless_told_otherwise() -> None:
    streams = [events(HELLO), events(HELLO)]
    assert watched(iter(["blocked", "succeeded"]), iter(streams))[0].exit_code == DONE
    assert watched(iter(["blocked"]), iter(streams), stop_when_blocked=True)[0].exit_code == BLOCKED


def test_the_end_is_believed_when_all_that_led_to_it_was_shown() -> None:
    """The look after the first event shows everything; the events that say so are still on their way."""
    stream = events(HELLO, told(2, "TASK_START"), told(3, "TASK_SUCCESS"), told(9, "APPROVED", 8), told(4, "ENDED"))
    results = iter(["running", "running", "running", "succeeded"])
    outcome, asked, screen = watched(results, iter([stream]))
    assert outcome.exit_code == DONE and screen.events == ["TASK_START", "TASK_SUCCESS", "ENDED"]
    assert [each.path for each in asked].count("/events/stream") == 1


def test_one_look_serves_all_events_that_it_has_in_it() -> None:
    stream = events(HELLO, *(told(n, "TASK_SUCCESS") for n in range(1, 200)))

    def answer(asked: Asked) -> Answer:
        done = asked.path == "/pipelines/7" and len(server.asked) > 2
        pipeline: Json = {
            "id": 7,
            "result": "succeeded" if done else "running",
            "version": 199 if done else 0,
            "stages": [],
        }
        return stream if asked.path == "/events/stream" else Answer(pipeline)

    screen = Screen()
    with scripted(answer) as server, Remote(Profile(server.url, None)) as remote:
        assert follow(remote, 7, screen).exit_code == DONE
    assert len(screen.events) == 199
    assert [each.path for each in server.asked] == ["/events/stream", "/pipelines/7", "/pipelines/7"]


def test_looks_are_not_made_more_often_than_four_times_a_second() -> None:
    waited: list[float] = []
    stream = events(HELLO, told(1, "TASK_START"), told(2, "TASK_SUCCESS"))
    answers = iter([(0, "running"), (1, "running"), (2, "failed")])  # which no other event says

    def answer(asked: Asked) -> Answer:
        if asked.path == "/events/stream":
            return stream
        version, result = next(answers)
        return Answer({"id": 7, "result": result, "version": version, "stages": []})

    with scripted(answer) as server, Remote(Profile(server.url, None)) as remote:
        assert follow(remote, 7, Screen(), clock=lambda: 1000.0, pause=waited.append).exit_code == FAILED
    assert waited == [0.25, 0.25]


def test_when_the_time_is_over_it_waits_for_nobody_any_more() -> None:
    outcome, asked, _ = watched(iter(["running"]), iter([]), seconds=0.0)
    assert outcome.exit_code == BLOCKED and [each.path for each in asked] == ["/pipelines/7"]


@pytest.mark.parametrize("gone", [CUT, BUSY, problem("unavailable", 503)])
def test_watching_outlives_a_server_that_restarts_and_misses_nothing(gone: Answer) -> None:
    first = events(HELLO, told(2, "STAGE_OPENED"))
    streams = iter([first, gone, gone, events(HELLO, told(3, "PIPELINE_SUCCESS"))])
    outcome, asked, screen = watched(iter(["running", "running", "succeeded"]), streams)
    assert outcome.exit_code == DONE and screen.events == ["STAGE_OPENED", "PIPELINE_SUCCESS"]
    resumed = [each.headers.get("last-event-id") for each in asked if each.path == "/events/stream"]
    assert resumed == [None, "42", "42", "42"]


def test_watching_ends_when_the_server_says_no() -> None:
    with pytest.raises(RemoteError) as caught:
        watched(iter([]), iter([problem("unauthenticated", 401)]))
    assert caught.value.exit_code == UNAUTHENTICATED
