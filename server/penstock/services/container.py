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
from penstock.services.board import Board
from penstock.services.catalog_looks import CatalogLooks
from penstock.services.checks import Checks
from penstock.services.database_groups import DatabaseGroups
from penstock.services.databases import Databases
from penstock.services.device_logins import DeviceLogins
from penstock.services.drifts import Drifts
from penstock.services.environments import Environments
from penstock.services.event_feed import AuditFeed, EventFeed
from penstock.services.event_hub import EventHub
from penstock.services.freezes import Freezes
from penstock.services.group_targets import GroupTargets
from penstock.services.idempotency import Idempotency
from penstock.services.instances import Instances
from penstock.services.issues import Issues
from penstock.services.lock_waits import LockWaits
from penstock.services.lone_pipelines import LonePipelines
from penstock.services.passwords import Passwords
from penstock.services.pipelines import Pipelines
from penstock.services.plugins import Plugins
from penstock.services.projects import Projects
from penstock.services.promotions import Promotions
from penstock.services.readiness import Readiness
from penstock.services.releases import Releases
from penstock.services.repositories import Repositories
from penstock.services.reverts import Reverts
from penstock.services.reviews import Reviews
from penstock.services.revisions import Revisions
from penstock.services.rollout import Rollout
from penstock.services.schedules import FileSync, Schedules
from penstock.services.schema_diffs import SchemaDiffs
from penstock.services.secrets import Keyring
from penstock.services.sessions import SessionPolicy, Sessions
from penstock.services.settling import Settling
from penstock.services.targets import Targets
from penstock.services.tiers import Tiers
from penstock.services.tokens import Tokens
from penstock.services.user_groups import UserGroups
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
    device_logins: DeviceLogins
    projects: Projects
    environments: Environments
    freezes: Freezes
    tiers: Tiers
    instances: Instances
    databases: Databases
    drifts: Drifts
    schema_diffs: SchemaDiffs
    database_groups: DatabaseGroups
    user_groups: UserGroups
    group_targets: GroupTargets
    schedules: Schedules
    events: EventFeed
    hub: EventHub
    audit: AuditFeed
    idempotency: Idempotency
    targets: Targets
    readiness: Readiness
    releases: Releases
    checks: Checks
    issues: Issues
    revisions: Revisions
    approvals: Approvals
    pipelines: Pipelines
    lone_pipelines: LonePipelines
    rollout: Rollout
    settling: Settling
    lock_waits: LockWaits
    reviews: Reviews
    promotions: Promotions
    reverts: Reverts
    board: Board
    plugins: Plugins
    repositories: Repositories

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
        private_plugins: bool = False,
        passwords: Passwords | None = None,
    ) -> Services:
        """Wire the services to one database.

        Args:
            keyring: master keys of stored secrets.
            engine_for: the engines' registry.
            file_sync: files the pipeline that syncs an instance.
            environ: where ``dsn_env`` variables are looked up.
            statement_limit: bytes that one script may have.
            private_plugins: plugins may send into the inner network.
            passwords: how they are hashed.
        """
        passwords = passwords or Passwords()
        targets = Targets(keyring, environ)
        looks = CatalogLooks(database, targets, engine_for)
        return cls(
            database=database,
            keyring=keyring,
            accounts=Accounts(database, passwords),
            sessions=Sessions(database, passwords, session_policy),
            tokens=Tokens(database),
            device_logins=DeviceLogins(database),
            projects=Projects(database),
            environments=Environments(database),
            freezes=Freezes(database),
            tiers=Tiers(database),
            instances=Instances(database, keyring, targets, engine_for),
            databases=Databases(database),
            drifts=Drifts(database),
            schema_diffs=SchemaDiffs(database),
            database_groups=DatabaseGroups(database),
            user_groups=UserGroups(database),
            group_targets=GroupTargets(database, looks),
            schedules=Schedules(database, file_sync),
            events=EventFeed(database),
            hub=EventHub(database),
            audit=AuditFeed(database),
            idempotency=Idempotency(database, keyring),
            targets=targets,
            readiness=Readiness(database),
            releases=Releases(database, statement_limit=statement_limit),
            checks=Checks(database),
            issues=Issues(database, looks, statement_limit=statement_limit),
            revisions=Revisions(database, looks, statement_limit=statement_limit),
            approvals=Approvals(database),
            pipelines=Pipelines(database),
            lone_pipelines=LonePipelines(database, statement_limit=statement_limit),
            rollout=Rollout(database),
            settling=Settling(database, targets, engine_for),
            lock_waits=LockWaits(database, targets, engine_for),
            reviews=Reviews(database, looks, statement_limit=statement_limit),
            promotions=Promotions(database, looks),
            reverts=Reverts(database, looks, statement_limit=statement_limit),
            board=Board(database),
            plugins=Plugins(database, keyring, private=private_plugins),
            repositories=Repositories(database, keyring, private=private_plugins),
        )
