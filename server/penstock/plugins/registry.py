"""The senders by kind, and Git hosts by system."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.domain.plugins import Kind
from penstock.domain.repositories import System
from penstock.plugins.base import Sender
from penstock.plugins.chat import Chat
from penstock.plugins.commit_status import CommitStatus
from penstock.plugins.email import Email
from penstock.plugins.hosts.base import GitHost
from penstock.plugins.hosts.github import GitHub
from penstock.plugins.hosts.gitlab import GitLab
from penstock.plugins.http import Poster
from penstock.plugins.webhook import Webhook


def senders(*, private: bool) -> Mapping[Kind, Sender]:
    """Make them.

    Args:
        private: receivers in the inner network are allowed.
    """
    poster = Poster(private=private)
    return {"webhook": Webhook(poster), "chat": Chat(poster), "email": Email(), "commit-status": CommitStatus(poster)}


def hosts(*, private: bool) -> Mapping[System, GitHost]:
    """Make the clients of Git hosts.

    Args:
        private: hosts in the inner network are allowed.
    """
    poster = Poster(private=private)
    return {"github": GitHub(poster), "gitlab": GitLab(poster)}
