"""GitHub and GitLab as their APIs answer, over HTTP: what is read, what is refused, what is tried again."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from penstock.domain.layouts.source import LayoutError
from penstock.plugins import http
from penstock.plugins.hosts.base import LARGEST_FILE, MOST_FILES, GitHost, HostError, Place, StatusState
from penstock.plugins.registry import hosts
from tests.git_host import TOKEN, Host, Pull, git_host


@dataclass
class There:
    """A host, and our client of it."""

    host: Host
    client: GitHost
    place: Place

    async def files(self, files: dict[str, str], directory: str = "db") -> dict[str, bytes]:
        """What is read of a commit with these files."""
        found = await self.client.files(self.place, self.host.commit(files), directory)
        return {file.path: file.data for file in found}

    async def refused(self, files: dict[str, str]) -> list[tuple[str, str]]:
        """Why a commit with these files is not read."""
        with pytest.raises(LayoutError) as caught:
            await self.files(files)
        return [(mistake.path, mistake.code) for mistake in caught.value.mistakes]

    def opened(self, **more: object) -> Pull:
        """The only pull request."""
        self.host.pulls[1] = Pull(1, self.host.commit({}), **more)  # type: ignore[arg-type]  # a keyword each
        return self.host.pulls[1]


@pytest.fixture(params=["github", "gitlab"])
async def there(request: pytest.FixtureRequest) -> AsyncIterator[There]:
    async with git_host(request.param) as host:
        yield There(host, hosts(private=True)[host.system], Place(host.api, host.path, TOKEN))


@pytest.fixture
async def github() -> AsyncIterator[There]:
    async with git_host("github") as host:
        yield There(host, hosts(private=True)["github"], Place(host.api, host.path, TOKEN))


@pytest.fixture
async def gitlab() -> AsyncIterator[There]:
    async with git_host("gitlab") as host:
        yield There(host, hosts(private=True)["gitlab"], Place(host.api, host.path, TOKEN))


async def test_scripts_of_the_directory_alone_are_read(there: There) -> None:
    files = {"db/1.sql": "a", "db/sub/2.sql": "b", "db/3.sql": "c", "db2/4.sql": "d", "db/README.md": "e", "5.sql": "f"}
    assert await there.files(files) == {"1.sql": b"a", "sub/2.sql": b"b", "3.sql": b"c"}
    assert set(await there.files({"1.sql": "a", "b/2.sql": "b"}, "")) == {"1.sql", "b/2.sql"}


async def test_a_symbolic_link_is_not_followed(there: There) -> None:
    there.host.links = {"db/2.sql"}
    found = await there.refused({"db/1.sql": "a", "db/2.sql": "../../etc/passwd"})
    assert [code for _, code in found] == ["symbolic_link"] and found[0][0].endswith("2.sql")


async def test_too_many_scripts_are_not_read(there: There) -> None:
    there.host.page = 1_000
    assert await there.refused({f"db/{n}.sql": "" for n in range(MOST_FILES + 1)}) == [(".", "too_many")]
    assert not any("blob" in path or "raw" in path for path in there.host.asked)


async def test_scripts_that_are_too_large_together_are_refused(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"penstock.plugins.hosts.{there.host.system}.LARGEST_TREE", 5_000)
    assert await there.refused({f"db/{n}.sql": f"{n}" * 1_000 for n in range(6)}) == [(".", "too_large")]


async def test_a_script_that_is_too_large_is_not_read_to_its_end(there: There) -> None:
    files = {"db/1.sql": "x" * (LARGEST_FILE + 1)}
    if there.host.system == "github":  # says how large they are before
        assert await there.refused(files) == [("1.sql", "too_large")]
    else:
        with pytest.raises(HostError, match="The answer is longer than"):
            await there.files(files)


async def test_a_list_of_files_that_is_cut_off_is_not_taken_for_all(github: There) -> None:
    github.host.cut = True
    with pytest.raises(HostError, match="more files than GitHub lists") as caught:
        await github.files({"db/1.sql": ""})
    assert not caught.value.again


async def test_a_comment_that_somebody_deleted_is_written_anew(there: There) -> None:
    first = await there.client.comment(there.place, 1, None, "one")
    assert await there.client.comment(there.place, 1, first, "two") == first
    assert list(there.host.comments.values()) == ["two"]
    there.host.comments = {7: "somebody else's"}
    second = await there.client.comment(there.place, 1, first, "three")
    assert second != first and there.host.comments[int(second)] == "three"


async def test_a_description_is_as_long_as_the_host_takes(there: There) -> None:
    commit = there.host.commit({})
    await there.client.status(there.place, commit, "failure", "penstock/preview", "x" * 1_000, None)
    state, said = there.host.last(commit)
    assert state == "failure" and said.endswith("x…") and len(said) in (140, 255)


async def test_a_host_that_does_not_answer_is_not_waited_for(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.2)
    there.host.silent = True
    with pytest.raises(HostError, match="No answer within") as caught:
        await there.client.pull_request(there.place, 1)
    assert caught.value.again


@pytest.mark.parametrize(
    ("status", "says", "again", "after"),
    [
        (429, {"Retry-After": "90"}, True, 90),
        (503, {}, True, None),
        (403, {"X-RateLimit-Remaining": "0", "Retry-After": "999999999"}, True, 3_600),
        (403, {"X-RateLimit-Remaining": "12"}, False, None),
        (401, {}, False, None),
    ],
)
async def test_what_is_tried_again_and_when(
    status: int, says: dict[str, str], again: bool, after: float | None, there: There
) -> None:
    there.host.down, there.host.says = status, says
    with pytest.raises(HostError, match=f"answered {status}") as caught:
        await there.client.pull_request(there.place, 1)
    assert (caught.value.again, caught.value.after) == (again, after and dt.timedelta(seconds=after))


@pytest.mark.parametrize(
    "odd", [b"", b"<html>", b"[]", b"null", b'{"tree": [{}]}', b'[{"path": 1}]', b'{"tree": {}, "id": "x"}', b"[[]]"]
)
async def test_what_a_host_does_not_document_is_an_error_that_says_so(odd: bytes, there: There) -> None:
    commit = there.host.commit({"db/1.sql": "a"})
    there.host.odd = odd
    with pytest.raises(HostError, match=r"answered something else|has no"):
        await there.client.pull_request(there.place, 1)
    with pytest.raises(HostError, match="answered something else"):
        await there.client.comment(there.place, 1, None, "words")
    if not (there.host.system == "gitlab" and odd == b"[]"):  # no files
        with pytest.raises(HostError, match="answered something else"):
            await there.client.files(there.place, commit, "db")


async def test_a_host_that_refuses_one_file_is_not_asked_for_the_others(there: There) -> None:
    there.host.page, there.host.up = 1_000, 5
    before = len(asyncio.all_tasks())
    with pytest.raises(HostError, match="answered 503"):
        await there.files({f"db/{n}.sql": f"{n}" for n in range(200)})
    assert len(asyncio.all_tasks()) <= before + 8 and len(there.host.asked) < 50


async def test_the_token_does_not_follow_to_where_a_host_sends_us(there: There) -> None:
    async with git_host(there.host.system) as other:
        there.host.down, there.host.says = 302, {"Location": f"{other.api}/repos/{other.path}/pulls/1"}
        with pytest.raises(HostError, match="answered 302"):
            await there.client.pull_request(there.place, 1)
        assert other.asked == []


async def test_pull_requests_as_they_are(there: There) -> None:
    pull = there.opened(title="One")
    found = await there.client.pull_request(there.place, 1)
    assert (found.state, found.head, found.merge, found.foreign) == ("open", pull.head, None, False)
    pull.state = "closed"
    assert (await there.client.pull_request(there.place, 1)).state == "closed"
    pull.state, pull.merge = "merged", "m" * 40
    found = await there.client.pull_request(there.place, 1)
    assert (found.state, found.merge) == ("merged", "m" * 40)
    pull.fork = True
    assert (await there.client.pull_request(there.place, 1)).foreign


async def test_the_branch_of_a_fork_that_was_deleted_is_still_not_ours(github: There) -> None:
    github.opened(gone=True)
    assert (await github.client.pull_request(github.place, 1)).foreign


async def test_a_merge_request_that_was_merged_without_a_commit_of_its_own(gitlab: There) -> None:
    pull = gitlab.opened(state="merged")
    assert (await gitlab.client.pull_request(gitlab.place, 1)).merge == pull.head  # fast-forward


async def test_a_merge_request_that_is_being_merged_is_open(gitlab: There) -> None:
    gitlab.opened(state="locked")
    assert (await gitlab.client.pull_request(gitlab.place, 1)).state == "open"


PREVIEW = "penstock/preview"


async def say(there: There, commit: str, state: StatusState) -> None:
    """What we say at a commit."""
    await there.client.status(there.place, commit, state, PREVIEW, "Reading", None)


async def test_what_is_said_twice_is_no_error(there: There) -> None:
    commit = there.host.commit({})
    states: list[StatusState] = ["pending", "pending", "success", "success", "pending", "pending", "failure", "failure"]
    for state in states:
        await say(there, commit, state)
        assert there.host.last(commit)[0] == state


async def test_gitlab_keeps_one_status_until_it_is_decided(gitlab: There) -> None:
    commit = gitlab.host.commit({})
    states: list[StatusState] = ["pending", "pending", "success", "success", "pending", "pending"]
    for state in states:
        await say(gitlab, commit, state)
    assert gitlab.host.said.of(commit, PREVIEW) == ["success", "success", "pending"]


@pytest.mark.parametrize("name", ["ci/build", "a&b=c", "50 % #1", "naïve"])
async def test_a_pending_is_found_whatever_its_name(name: str, gitlab: There) -> None:
    commit = gitlab.host.commit({})
    for _ in range(2):
        await gitlab.client.status(gitlab.place, commit, "pending", name, "Reading", None)
    assert gitlab.host.said.of(commit, name) == ["pending"]


async def test_gitlab_takes_no_pending_back_from_running(gitlab: There) -> None:
    commit = gitlab.host.commit({})
    gitlab.host.said.say(commit, {"state": "running", "name": PREVIEW})
    await say(gitlab, commit, "pending")
    assert gitlab.host.said.of(commit, PREVIEW) == ["running"]


@pytest.mark.parametrize("there_is", [[], ["success"], ["failed"], ["canceled"], ["pending", "success"]])
async def test_a_pending_that_is_refused_and_does_not_stand_there_is_an_error(
    there_is: list[str], gitlab: There
) -> None:
    commit, other = gitlab.host.commit({}), gitlab.host.commit({})
    for state in there_is:
        gitlab.host.said.say(commit, {"state": state, "name": PREVIEW})
    gitlab.host.said.say(commit, {"state": "pending", "name": "penstock/previews"})
    gitlab.host.said.say(other, {"state": "pending", "name": PREVIEW})
    gitlab.host.said.unwritten = 400
    with pytest.raises(HostError, match="answered 400: it said no") as caught:
        await say(gitlab, commit, "pending")
    assert not caught.value.again


async def test_a_host_that_shows_other_names_too_is_not_taken_at_its_word(gitlab: There) -> None:
    commit = gitlab.host.commit({})
    gitlab.host.said.say(commit, {"state": "pending", "name": "another"})
    gitlab.host.said.filters, gitlab.host.said.unwritten = False, 400
    with pytest.raises(HostError, match="answered 400"):
        await say(gitlab, commit, "pending")


@pytest.mark.parametrize("state", ["success", "failure", "error"])
async def test_a_verdict_that_is_refused_is_an_error_though_a_pending_stands_there(
    state: StatusState, gitlab: There
) -> None:
    commit = gitlab.host.commit({})
    await say(gitlab, commit, "pending")
    gitlab.host.said.unwritten = 400
    with pytest.raises(HostError, match="answered 400: it said no"):
        await say(gitlab, commit, state)
    assert gitlab.host.asked[-1].startswith("POST")  # nothing is read back


@pytest.mark.parametrize(("status", "again"), [(401, False), (403, False), (404, False), (409, True), (500, True)])
async def test_what_is_refused_otherwise_is_an_error_though_a_pending_stands_there(
    status: int, again: bool, gitlab: There
) -> None:
    commit = gitlab.host.commit({})
    await say(gitlab, commit, "pending")
    gitlab.host.said.unwritten = status
    with pytest.raises(HostError, match=str(status)) as caught:
        await say(gitlab, commit, "pending")
    assert caught.value.again is again and gitlab.host.asked[-1].startswith("POST")


@pytest.mark.parametrize(
    ("unread", "again", "says"), [(403, False, "answered 400"), (404, False, "answered 400"), (503, True, "503")]
)
async def test_a_refusal_that_cannot_be_looked_into_is_an_error(
    unread: int, again: bool, says: str, gitlab: There
) -> None:
    commit = gitlab.host.commit({})
    await say(gitlab, commit, "pending")
    gitlab.host.said.unread = unread
    with pytest.raises(HostError, match=says) as caught:
        await say(gitlab, commit, "pending")
    assert caught.value.again is again
    gitlab.host.said.unread = None
    await say(gitlab, commit, "pending")
