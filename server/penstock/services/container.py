"""The services of one process, made once at start-up and handed to the web layer, the runtime and the
command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.engines.base import Engine, EngineName
from penstock.services.accounts import Accounts
from penstock.services.approvals import Approvals
from penstock.services.databases import Databases
from penstock.services.environments import Environments
from penstock.services.event_feed import AuditFeed, EventFeed
from penstock.services.event_hub import EventHub
from penstock.services.idempotency import Idempotency
from penstock.services.instances import Instances
from penstock.services.issues import Issues
from penstock.services.passwords import Passwords
from penstock.services.pipelines import Pipelines
from penstock.services.projects import Projects
from penstock.services.readiness import Readiness
from penstock.services.releases import Releases
from penstock.services.reviews import Reviews
from penstock.services.revisions import Revisions
from penstock.services.rollout import Rollout
from penstock.services.schedules import FileSync, Schedules
from penstock.services.secrets import Keyring
from penstock.services.sessions import SessionPolicy, Sessions
from penstock.services.targets import Targets
from penstock.services.tiers import Tiers
from penstock.services.tokens import Tokens
from penstock.store.database import Database

STATEMENT_LIMIT: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Every use case, by the noun that it is about."""

    database: Database
    keyring: Keyring
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    projects: Projects
    environments: Environments
    tiers: Tiers
    instances: Instances
    databases: Databases
    schedules: Schedules
    events: EventFeed
    hub: EventHub
    audit: AuditFeed
    idempotency: Idempotency
    targets: Targets
    readiness: Readiness
    releases: Releases
    issues: Issues
    revisions: Revisions
    approvals: Approvals
    pipelines: Pipelines
    rollout: Rollout
    reviews: Reviews

    @classmethod
    def build(
        cls,
        database: Database,
        keyring: Keyring,
        *,
        engine_for: Callable[[EngineName], Engine],
        file_sync: FileSync,
        session_policy: SessionPolicy | None = None,
        environ: Mapping[str, str] = os.environ,
        statement_limit: int = STATEMENT_LIMIT,
    ) -> Services:
        """Wire the services to one database.

        Args:
            keyring: master keys of stored secrets.
            engine_for: the engines' registry.
            file_sync: files the pipeline that syncs an instance.
            environ: where ``dsn_env`` variables are looked up.
            statement_limit: bytes that one script may have.
        """
        passwords = Passwords()
        targets = Targets(keyring, environ)
        return cls(
            database=database,
            keyring=keyring,
            accounts=Accounts(database, passwords),
            sessions=Sessions(database, passwords, session_policy),
            tokens=Tokens(database),
            projects=Projects(database),
            environments=Environments(database),
            tiers=Tiers(database),
            instances=Instances(database, keyring, targets, engine_for),
            databases=Databases(database),
            schedules=Schedules(database, file_sync),
            events=EventFeed(database),
            hub=EventHub(database),
            audit=AuditFeed(database),
            idempotency=Idempotency(database, keyring),
            targets=targets,
            readiness=Readiness(database),
            releases=Releases(database, statement_limit=statement_limit),
            issues=Issues(database, statement_limit=statement_limit),
            revisions=Revisions(database, statement_limit=statement_limit),
            approvals=Approvals(database),
            pipelines=Pipelines(database),
            rollout=Rollout(database),
            reviews=Reviews(database, statement_limit=statement_limit),
        )
