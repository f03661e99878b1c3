"""Comparing schemas."""

from __future__ import annotations

from typing import Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.services.schema_diffs import Side
from penstock.web.guards import needs
from penstock.web.present import present
from penstock.web.schemas.schema_diffs import NewSchemaDiff, SchemaDiffOut


@post("/schema-diffs", opt=needs("database.read"), status_code=200, tags=["databases"])
async def compare_schemas(
    data: JSONBody[NewSchemaDiff], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> SchemaDiffOut:
    """Compare two schemas; nothing is stored."""
    left, right = (Side(side.database, side.snapshot) for side in (data.left, data.right))
    return present(SchemaDiffOut, await services.schema_diffs.between(caller, left, right))


SCHEMA_DIFF_ROUTES: Final[list[ControllerRouterHandler]] = [compare_schemas]
