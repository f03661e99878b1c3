"""SQL review: of a script that nobody has filed, and of an issue's changes."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.present import present
from penstock.web.schemas import issues as schemas

_TAGS: Final = ["review"]


@post("/reviews", opt=needs("account.self"), status_code=200, tags=_TAGS)
async def review(
    data: JSONBody[schemas.NewReview], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> schemas.ReviewOut:
    """Review a script without filing it; nothing is stored."""
    return present(schemas.ReviewOut, await services.reviews.review(caller, data.engine, data.statement, data.database))


@get("/review-rules", opt=needs("account.self"), tags=_TAGS)
async def list_rules(services: NamedDependency[Services]) -> list[schemas.RuleOut]:
    """The rules of review."""
    return [present(schemas.RuleOut, rule) for rule in services.reviews.rules()]


@get("/issues/{issue:int}/findings", opt=needs("issue.read"), tags=_TAGS)
async def list_findings(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> list[schemas.IssueFinding]:
    """What review found in an issue's changes."""
    return [present(schemas.IssueFinding, f) for f in await services.reviews.of_issue(caller, issue)]


@post("/issues/{issue:int}/review", opt=needs("issue.edit"), status_code=200, tags=_TAGS)
async def review_again(
    issue: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> list[schemas.IssueFinding]:
    """Review an issue's changes again, by the rules of today and the catalogs of its databases."""
    return [present(schemas.IssueFinding, f) for f in await services.reviews.again(caller, issue)]


REVIEW_ROUTES: Final[list[ControllerRouterHandler]] = [
    review,
    list_rules,
    list_findings,
    review_again,
]
