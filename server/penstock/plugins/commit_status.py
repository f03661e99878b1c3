"""Commit statuses of GitHub and GitLab: what a system said of a release, at the commit that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from penstock.plugins.base import Message, Outcome, Receiver
from penstock.plugins.hosts.base import Asker, HostError
from penstock.plugins.hosts.gitlab_statuses import stands_already
from penstock.plugins.http import Poster

# GitLab knows no error.
_GITLAB_STATES: Final = {"pending": "pending", "success": "success", "failure": "failed", "error": "failed"}
_GITHUB_DESCRIPTION: Final = 140
_GITLAB_DESCRIPTION: Final = 255


class CommitStatus:
    """Posts a report; ``settings``: system, api, repository; the token is the secret."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._ask = Asker(poster, "GitLab")

    async def send(self, receiver: Receiver, message: Message) -> Outcome:
        """Try once."""
        report = message.event["data"]
        if report["commit"] is None:
            missing = "Nobody said which commit the release was made from: give it with the release or with the report."
            return Outcome(error=missing, hopeless=True)
        if receiver.settings["system"] == "gitlab":
            return await self._gitlab(receiver.settings, receiver.secrets[0], report)
        url, headers, body = _github(receiver.settings, receiver.secrets[0], report)
        return await self._post(url, headers, body)

    async def _gitlab(self, settings: Mapping[str, Any], token: str, report: Mapping[str, Any]) -> Outcome:
        project = f"{settings['api']}/projects/{quote(settings['repository'], safe='')}"
        headers, commit = {"PRIVATE-TOKEN": token}, report["commit"]
        body = {"state": _GITLAB_STATES[report["state"]], "name": report["context"]}
        body |= _about(report, _GITLAB_DESCRIPTION)
        outcome = await self._post(f"{project}/statuses/{commit}", headers, body)
        try:
            there = await stands_already(self._ask, project, headers, commit, body, outcome.status)
        except HostError:
            return outcome  # it is tried again
        return Outcome(200) if there else outcome

    async def _post(self, url: str, headers: Mapping[str, str], body: Mapping[str, str]) -> Outcome:
        given = {**headers, "Content-Type": "application/json"}
        return await self._poster.post(url, msgspec.json.encode(body), given)


_Request = tuple[str, Mapping[str, str], Mapping[str, str]]


def _github(settings: Mapping[str, Any], token: str, report: Mapping[str, Any]) -> _Request:
    url = f"{settings['api']}/repos/{settings['repository']}/statuses/{report['commit']}"
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    body = {"state": report["state"], "context": report["context"]}
    return url, headers, body | _about(report, _GITHUB_DESCRIPTION)


def _about(report: Mapping[str, Any], longest: int) -> dict[str, str]:
    """Where it was, and in whose words."""
    place = report["environment"] if report["database"] is None else f"{report['environment']} {report['database']}"
    text = f"{place}: {report['description']}" if report["description"] else place
    description = text if len(text) <= longest else f"{text[: longest - 1]}…"
    target = {"target_url": report["target_url"]} if report["target_url"] is not None else {}
    return {"description": description, **target}
