"""Three issues of the demo, filed, discussed, approved and run for real: one done, one waiting, one failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock.demo.catalog import APPROVER, AUTHOR, PROJECT
from penstock.demo.patience import Patience, Unfinished
from penstock.demo.targets import read_sql
from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.services.filing import Targets
from penstock.services.issues import Filter, NewIssue
from penstock.services.releases import NewChange
from penstock.store import accounts
from penstock.store.rows import Cut, Record

_ENDED: Final = ("succeeded", "failed", "error", "canceled", "skipped")
_PAGE: Final = Cut(size=200)


@dataclass(frozen=True, slots=True)
class Draft:
    """An issue to file; its ticket tells it from others when a start is completed by a later one.

    Args:
        scripts: version -> (name, file of the change, file that reverts it).
    """

    ticket: str
    title: str
    description: str
    environments: tuple[str, ...]
    scripts: Mapping[str, tuple[str, str, str]]


REORDER_LEVEL: Final = Draft(
    ticket="SHOP-214",
    title="Suggest what to reorder per warehouse",
    description="""\
Purchasing keeps a spreadsheet of what runs low. It is a day old when somebody looks at it.

This adds a reorder level to every line of `inventory` (20, and 60 for what sells fast) and the view
`reorder_suggestions`, from which the purchasing page will read.

Old code is not affected: the column has a default. Production follows together with the new page.""",
    environments=("dev", "staging"),
    scripts={"2026.11.1": ("reorder level", "reorder_level.sql", "reorder_level_revert.sql")},
)
SHIPMENTS: Final = Draft(
    ticket="SHOP-221",
    title="Keep track of shipments, and find open orders fast",
    description="""\
1. The table `shipments`: one row per parcel, with carrier and tracking number. Orders that were shipped already
   get one parcel each, so that the customer's page needs no special case.
2. A partial index for the list of open orders, which reads all of `orders` today. Building it holds up writes to
   `orders` for well under a second at our size.

The application writes shipments from release 5.2 on and does not need them before.""",
    environments=("dev", "staging", "prod"),
    scripts={
        "2026.11.2": ("shipments", "shipments.sql", "shipments_revert.sql"),
        "2026.11.3": ("index of open orders", "open_orders_index.sql", "open_orders_index_revert.sql"),
    },
)
UNIQUE_EMAIL: Final = Draft(
    ticket="SHOP-226",
    title="One account per e-mail address, whatever its capitals",
    description="""\
Support sees customers who "lost their orders": they have two accounts, `Mara.Keller@…` and `mara.keller@…`.

Sign-in ignores capitals since release 5.0, so the address has to be unique that way. The unique index replaces the
plain one on `email`.""",
    environments=("dev", "staging", "prod"),
    scripts={"2026.11.4": ("unique e-mail address", "unique_email.sql", "unique_email_revert.sql")},
)


class Story:
    """Ana, who develops, and Bo, who owns the project, at work.

    Every step looks first whether it was taken before.
    """

    def __init__(self, services: Services, patience: Patience, ana: Principal, bo: Principal) -> None:
        self._services = services
        self._patience = patience
        self._ana = ana
        self._bo = bo

    @classmethod
    async def of(cls, services: Services, patience: Patience) -> Story:
        """Act as the two people of the demo.

        Raises:
            Unfinished: one of them is gone.
        """
        people = []
        for email in (AUTHOR, APPROVER):
            async with services.database.connect() as conn:
                found = await accounts.by_email(conn, email)
                principal = await accounts.principal(conn, found["id"]) if found is not None else None
            if principal is None:
                raise Unfinished(f"{email} can no longer sign in.")
            people.append(principal)
        return cls(services, patience, *people)

    async def done(self) -> None:
        """An issue that went through all its environments."""
        issue = await self._filed(REORDER_LEVEL)
        await self._reached(issue, "dev", "succeeded")
        await self._said(self._ana, issue, "Dev has it. The numbers of the view agree with the spreadsheet of today.")
        await self._approved(issue, "staging", "Constant default, so no rewrite of the table. Go ahead.")
        await self._reached(issue, "staging", "succeeded")

    async def waiting(self) -> None:
        """An issue that waits for people."""
        issue = await self._filed(SHIPMENTS)
        await self._reached(issue, "dev", "succeeded")
        text = "Dev is done, the index too. Bo, can you look before Thursday? Production needs a DBA after you."
        await self._said(self._ana, issue, text)

    async def failed(self) -> None:
        """An issue that met data nobody expected."""
        issue = await self._filed(UNIQUE_EMAIL)
        await self._reached(issue, "dev", "succeeded")
        await self._approved(issue, "staging", "Nobody is duplicated in dev. Let us see what staging says.")
        await self._reached(issue, "staging", "failed")
        text = (
            "Staging has customers who registered twice, so it refused the index and kept everything as it was."
            " Production will have more of them. I will file a change that merges them first; then we retry this."
        )
        await self._said(self._ana, issue, text)

    async def _filed(self, draft: Draft) -> int:
        """The id of the issue of a draft, which is filed if it was not yet."""
        wanted = Filter(project=PROJECT, author=AUTHOR, label=f"ticket:{draft.ticket}")
        known = (await self._services.issues.listing(self._ana, _PAGE, wanted)).records
        if known:
            return int(known[-1]["id"])
        changes = [
            NewChange(read_sql(script), version=version, name=name, engine="postgres", revert=read_sql(revert))
            for version, (name, script, revert) in draft.scripts.items()
        ]
        filed = await self._services.issues.create(
            self._ana,
            NewIssue(
                project=PROJECT,
                title=draft.title,
                description=draft.description,
                labels={"ticket": draft.ticket},
                targets=Targets(environments=draft.environments),
                changes=changes,
            ),
        )
        return int(filed["id"])

    async def _reached(self, issue: int, stage: str, wanted: str) -> None:
        """Wait until a stage has ended in the wanted way.

        Raises:
            Unfinished: it ended otherwise, or does not end.
        """

        async def ended() -> bool:
            return (await self._stage(self._ana, issue, stage))["status"] in _ENDED

        await self._patience.until(f"Stage {stage} of issue {issue}", ended)
        status = (await self._stage(self._ana, issue, stage))["status"]
        if status != wanted:
            raise Unfinished(f"Stage {stage} of issue {issue} has {status}.")

    async def _approved(self, issue: int, stage: str, comment: str) -> None:
        found = await self._stage(self._bo, issue, stage)
        if "approve" in found["actions"]:
            await self._services.approvals.decide(
                self._bo,
                issue,
                stages=[stage],
                digests={stage: found["digest"]},
                decision="approve",
                comment=comment,
            )

    async def _said(self, who: Principal, issue: int, text: str) -> None:
        activity = await self._services.issues.activity(who, issue, _PAGE)
        if not any(entry["body"] == text for entry in activity.records):
            await self._services.issues.comment(who, issue, text)

    async def _stage(self, who: Principal, issue: int, name: str) -> Record:
        found = await self._services.issues.get(who, issue)
        stage: Record = next(s for s in found["pipeline"]["stages"] if s["name"] == name)
        return stage
