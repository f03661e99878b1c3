"""All routes below ``/api/v1``, slice by slice."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from penstock.web.routes.accounts import ACCOUNT_ROUTES
from penstock.web.routes.auth import AUTH_ROUTES
from penstock.web.routes.checks import CHECK_ROUTES
from penstock.web.routes.database_groups import DATABASE_GROUP_ROUTES
from penstock.web.routes.databases import DATABASE_ROUTES
from penstock.web.routes.device_logins import DEVICE_LOGIN_ROUTES
from penstock.web.routes.drifts import DRIFT_ROUTES
from penstock.web.routes.environments import ENVIRONMENT_ROUTES
from penstock.web.routes.events import EVENT_ROUTES
from penstock.web.routes.freezes import FREEZE_ROUTES
from penstock.web.routes.groups import GROUP_ROUTES
from penstock.web.routes.instances import INSTANCE_ROUTES
from penstock.web.routes.issues import ISSUE_ROUTES
from penstock.web.routes.pipelines import PIPELINE_ROUTES
from penstock.web.routes.plugins import PLUGIN_ROUTES
from penstock.web.routes.projects import PROJECT_ROUTES
from penstock.web.routes.promotions import PROMOTION_ROUTES
from penstock.web.routes.releases import RELEASE_ROUTES
from penstock.web.routes.repositories import REPOSITORY_ROUTES
from penstock.web.routes.reviews import REVIEW_ROUTES
from penstock.web.routes.schedules import SCHEDULE_ROUTES
from penstock.web.routes.schema_diffs import SCHEMA_DIFF_ROUTES
from penstock.web.routes.tiers import TIER_ROUTES

ALL_ROUTES: Final[list[ControllerRouterHandler]] = [
    *AUTH_ROUTES,
    *DEVICE_LOGIN_ROUTES,
    *ACCOUNT_ROUTES,
    *PROJECT_ROUTES,
    *ENVIRONMENT_ROUTES,
    *FREEZE_ROUTES,
    *TIER_ROUTES,
    *GROUP_ROUTES,
    *INSTANCE_ROUTES,
    *DATABASE_ROUTES,
    *DATABASE_GROUP_ROUTES,
    *DRIFT_ROUTES,
    *SCHEMA_DIFF_ROUTES,
    *SCHEDULE_ROUTES,
    *RELEASE_ROUTES,
    *PROMOTION_ROUTES,
    *CHECK_ROUTES,
    *ISSUE_ROUTES,
    *PIPELINE_ROUTES,
    *REVIEW_ROUTES,
    *EVENT_ROUTES,
    *PLUGIN_ROUTES,
    *REPOSITORY_ROUTES,
]
