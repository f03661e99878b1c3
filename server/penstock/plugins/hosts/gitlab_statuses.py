"""GitLab's commit statuses: when a refusal means that what we said stands there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from penstock.plugins.hosts.base import Asker, HostError

_REFUSED: Final = 400
# `running` counts as `pending` does: it says as well that nothing is decided yet, holds a merge back as well, and
# GitLab never takes it back to `pending`, so that another try would be refused for as long as it stands there.
_UNDECIDED: Final = frozenset({"pending", "running"})


class _Status(msgspec.Struct, frozen=True):
    name: str
    status: str


async def stands_already(
    ask: Asker, project: str, headers: Mapping[str, str], commit: str, body: Mapping[str, str], answered: int | None
) -> bool:
    """Tell whether a status that was refused is said at its commit already.

    GitLab moves the status of a name that is still pending or running, and knows no move from there to ``pending``:
    what other hosts take a second time it answers with 400, ``Cannot transition status via :enqueue``. A status that
    was decided gets a new one beside it instead, so only ``pending`` is concerned. The statuses are read back, because
    400 is the answer to other mistakes as well, and the words of its message are not part of the API.

    Args:
        project: its address in the API.
        body: what was posted, with ``state`` and ``name``.
        answered: the status of the answer.

    Raises:
        HostError: the statuses cannot be read now, and trying later makes sense.
    """
    if answered != _REFUSED or body["state"] != "pending":
        return False
    url = f"{project}/repository/commits/{commit}/statuses?name={quote(body['name'], safe='')}&per_page=100"
    try:
        found: list[_Status] = await ask.json("GET", url, headers, kind=list[_Status])
    except HostError as error:
        if error.again:
            raise
        return False  # who may not read them is told of the refusal
    return any(each.name == body["name"] and each.status in _UNDECIDED for each in found)
