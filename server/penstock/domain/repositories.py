"""Git repositories: who sent a webhook, what it is about, and what we say on a pull request. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock.domain.plugins import is_secret, signatures

System = Literal["github", "gitlab"]
SYSTEMS: Final[tuple[System, ...]] = ("github", "gitlab")
STATES: Final = ("open", "merged", "closed")

LARGEST_HOOK: Final = 5_000_000  # bytes; GitHub sends 25 MB at most, and pull requests are a few kB
CONTEXT: Final = "penstock/preview"
_SHOWN: Final = 20  # findings, and databases, in one comment
# How far a signed webhook's time may be from ours, either way. Sent again within that, it is refused for its id.
_TOLERANCE: Final = dt.timedelta(minutes=5)
_EVENTS: Final = {"github": "pull_request", "gitlab": "Merge Request Hook"}


@dataclass(frozen=True, slots=True)
class Hook:
    """What a webhook's sender says of it: the headers that matter, in lower case, and the body as it came."""

    headers: Mapping[str, str]
    body: bytes

    def delivery(self, system: System, secret: str) -> str:
        """The host's id of this delivery; empty when it gave none. One that is signed is believed alone."""
        if is_signing_token(system, secret):
            names: tuple[str, ...] = ("webhook-id",)
        else:
            names = ("x-github-delivery",) if system == "github" else ("idempotency-key", "x-gitlab-event-uuid")
        return next((self.headers[name][:200] for name in names if self.headers.get(name)), "")

    def is_genuine(self, system: System, secret: str, now: dt.datetime) -> bool:
        """Whether it comes from whoever knows the secret.

        GitHub signs the body (``X-Hub-Signature-256``). GitLab sends the secret itself (``X-Gitlab-Token``), unless it
        is a signing token: then it signs body, id and time (``webhook-signature``), and nothing else counts.
        """
        if is_signing_token(system, secret):
            return self._is_signed(secret, now)
        if system == "gitlab":
            return hmac.compare_digest(self.headers.get("x-gitlab-token", "").encode(), secret.encode())
        signed = "sha256=" + hmac.digest(secret.encode(), self.body, hashlib.sha256).hex()
        return hmac.compare_digest(self.headers.get("x-hub-signature-256", "").encode(), signed.encode())

    def _is_signed(self, secret: str, now: dt.datetime) -> bool:
        """Whether one of its signatures is right, by the Standard Webhooks specification, and its time is about now."""
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        message, at, given = (self.headers.get(name, "") for name in names)
        if not message or not message.isascii() or not re.fullmatch("[1-9][0-9]{0,11}", at):
            return False
        if abs(now.timestamp() - int(at)) > _TOLERANCE.total_seconds():
            return False
        right = signatures([secret], message, int(at), self.body)
        return any(each.isascii() and hmac.compare_digest(each, right) for each in given.split(" "))

    def pull_request(self, system: System, path: str) -> int | None:
        """The number of the pull request that it is about; None when it is about something else.

        What happened to it is not believed but asked for: deliveries come late, twice, and in any order.

        Raises:
            ValueError: it is not what the host sends, or is about another repository.
        """
        event = self.headers.get("x-github-event" if system == "github" else "x-gitlab-event", "")
        if event != _EVENTS[system]:
            return None
        try:
            body = json.loads(self.body)
            if system == "github":
                of, number = body["repository"]["full_name"], body["number"]
            else:
                of, number = body["project"]["path_with_namespace"], body["object_attributes"]["iid"]
                of = path if path.isdigit() and str(body["project"]["id"]) == path else of
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"The body is not what {system} sends about a pull request.") from error
        if not isinstance(of, str) or of.lower() != path.lower():
            raise ValueError("It is about another repository.")
        if type(number) is not int or not 0 < number < 2**31:
            raise ValueError("It has no number of a pull request.")
        return number


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preview found.

    Args:
        commit: that it is of.
        problems: why it cannot become a release, each on one line.
        changes: (version, name) of every change, in order.
        pending: database -> versions that it does not have yet.
        findings: (severity, version, line, message).
        trial: how the scripts ran on a database of their own: an error, or None; ``skipped`` says why they did not run.
        environment: where a merge goes.
    """

    commit: str
    problems: Sequence[str] = ()
    changes: Sequence[tuple[str, str]] = ()
    pending: Mapping[str, Sequence[str]] | None = None
    findings: Sequence[tuple[str, str, int | None, str]] = ()
    trial: str | None = None
    skipped: str | None = None
    environment: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it may be merged as far as we are concerned."""
        blocking = any(severity == "error" for severity, *_ in self.findings)
        return not (self.problems or self.trial or blocking)

    def summary(self) -> str:
        """One line, for the commit status."""
        if self.problems:
            return f"{_counted(len(self.problems), 'problem')}: {_flat(self.problems[0])}"
        if self.trial:
            return f"The scripts do not run: {_flat(self.trial)}"
        errors = sum(severity == "error" for severity, *_ in self.findings)
        if errors:
            return f"{_counted(errors, 'finding')} must be mended"
        news = len({version for versions in (self.pending or {}).values() for version in versions})
        return f"{_counted(news, 'new change')}, {_counted(len(self.findings), 'finding')}"

    def markdown(self, link: str | None) -> str:
        """The comment on the pull request; everything that somebody else wrote is shown as it stands."""
        mark = "✅" if self.ok else "❌"
        parts = [f"### {mark} Penstock preview of `{self.commit[:12]}`", "", _plain(self.summary()) + "."]
        if self.problems:
            parts += ["", *(f"- {_code(problem)}" for problem in self.problems[:_SHOWN]), *_more(self.problems)]
        if self.trial:
            parts += ["", "**The scripts do not run on an empty database:**", "", _block(self.trial)]
        if self.pending is not None:
            parts += ["", *self._plan()]
        if self.findings:
            parts += ["", "| severity | change | line | finding |", "|---|---|---|---|"]
            parts += [f"| {s} | {_cell(v)} | {n or ''} | {_cell(m)} |" for s, v, n, m in self.findings[:_SHOWN]]
            parts += _more(self.findings)
        if self.skipped:
            parts += ["", f"_Not run: {_plain(self.skipped)}_"]
        return "\n".join([*parts, "", f"[Penstock]({link})" if link else "Penstock"])

    def _plan(self) -> list[str]:
        pending = self.pending or {}
        if not pending:
            return [f"No database of the project is in {_code(self.environment or '')} yet: a merge changes nothing."]
        busy = {database: versions for database, versions in pending.items() if versions}
        if not busy:
            return [f"Every database in {_code(self.environment or '')} has all of it: a merge changes nothing."]
        lines = [
            f"A merge files an issue to {_code(self.environment or '')}:",
            "",
            "| database | changes |",
            "|---|---|",
        ]
        for database, versions in list(busy.items())[:_SHOWN]:
            shown = ", ".join(_cell(version) for version in versions[:_SHOWN])
            lines.append(f"| {_cell(database)} | {shown}{' …' if len(versions) > _SHOWN else ''} |")
        return lines + _more(list(busy))


def scratch_name(deployment: str, pull_request: int, head: str) -> str:
    """The database that a preview has to itself, also where several installations preview on one server.

    Args:
        deployment: which installation this is.
        pull_request: our number of it, which another installation may have for another one.
    """
    return f"penstock_preview_{deployment[:8]}_{pull_request}_{head[:12]}"


def new_issue_comment(preview: str | None, issue: str, environment: str) -> str:
    """What the comment says once the pull request is merged: what it said, and where the issue is."""
    filed = f"Merged: {issue} brings it to {_code(environment)}."
    return f"{preview}\n\n{filed}" if preview else filed


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _more(items: Sequence[object]) -> list[str]:
    return ["", f"_and {len(items) - _SHOWN} more_"] if len(items) > _SHOWN else []


def _flat(text: str) -> str:
    """One printable line of bounded length."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _plain(text: str) -> str:
    """Words of others outside of code: no markup, no mentions, one line."""
    return re.sub(r"([\\`*_{}\[\]<>()#|!~@&])", r"\\\1", _flat(text))


def _code(text: str) -> str:
    """The same as code: a fence longer than any run of backticks inside."""
    flat = _flat(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    return f"{fence} {flat} {fence}" if "`" in flat else f"`{flat}`" if flat else ""


def _cell(text: str) -> str:
    """The same inside a table, where a bar would end the cell."""
    return _code(text.replace("|", "¦"))


def _block(text: str) -> str:
    lines = text[:2_000].splitlines()
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return "\n".join([fence, *("".join(c if c.isprintable() else " " for c in line) for line in lines), fence])


def is_signing_token(system: System, secret: str) -> bool:
    """Whether a webhook's secret is one that its host signs with and never sends."""
    return system == "gitlab" and is_secret(secret)


def is_directory(path: str) -> bool:
    """Whether it is a path of a folder inside a repository: no way up, no slash at an end; empty is the whole."""
    parts = path.split("/")
    return path == "" or (path.isprintable() and all(part not in ("", ".", "..") for part in parts))


def is_branch(name: str) -> bool:
    """Whether Git takes it as the name of a branch, as far as that matters here."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}", name)) and ".." not in name


def shown(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Those values that are set, for the audit log."""
    return {key: values[key] for key in keys if values.get(key) is not None}
