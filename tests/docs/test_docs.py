"""The documentation agrees with itself and with the code: links, generated tables, states, names, grants."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from penstock import bootstrap
from penstock.domain import events
from penstock.domain.gates import evaluate
from penstock.domain.pipeline.status import SKIP_REASONS, TASK_STATUSES, TRANSITIONS
from penstock.engines.base import FAILURE_CLASS
from penstock.engines.registry import engine_for
from penstock.review.rules.catalogue import RULES
from penstock.review.rules.of_scripts import SCRIPT_RULES
from penstock.web.schemas import issues as schemas
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, links, name, rows

# Given up for one meaning, and good for others.
COMMON_WORDS = frozenset(
    {"app", "build", "check", "connection", "hash", "lock", "not", "plan", "policy", "schema", "step", "workspace"}
)

GUIDE, OPERATIONS, REFERENCE = DOCS / "guide", DOCS / "operations", DOCS / "reference"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link inside the checkout names a file, and a heading in it."""
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", link) or target.parent == DOCS / "pictures":  # which the browser tests take
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_can_be_found() -> None:
    """Every page is linked from another one; what the benchmarks write may not be there yet."""
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    known = {page for page in PAGES if page in linked or page.name in ("README.md", "performance.md")}
    assert [name(page) for page in PAGES if page not in known] == []


def test_generated_tables_are_current() -> None:
    """Settings, permissions, codes and metrics; .venv/bin/python scripts/docs.py writes them."""
    command = [sys.executable, "scripts/docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT / "server")}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_state_machine_is_drawn_as_it_is() -> None:
    """The picture of the task's states has exactly the legal moves."""
    drawn = re.findall(r"^ {4}(\w+) --> (\w+)$", (GUIDE / "rollout.md").read_text(), re.MULTILINE)
    assert sorted(drawn) == sorted((source, target) for source in TRANSITIONS for target in TRANSITIONS[source])


def test_statuses_are_explained() -> None:
    """Each status of a task has its row, and each reason to skip that can happen is named."""
    explained = [row[0] for row in rows(GUIDE / "rollout.md")]
    assert set(TASK_STATUSES) <= set(explained)
    text = (GUIDE / "rollout.md").read_text()
    assert [reason for reason in SKIP_REASONS if f"`{reason}`" not in text] == []


def test_gates_are_explained() -> None:
    """Each gate that can close a stage has a row."""
    gates = {gate.__name__.removeprefix("_").replace("_", "-") for gate in evaluate.GATES} | set(evaluate.BYPASSABLE)
    assert gates <= {row[0] for row in rows(GUIDE / "rollout.md")}


def test_failures_are_explained() -> None:
    """Each kind of failure has a row with its class."""
    explained = {(row[0], row[1]) for row in rows(REFERENCE / "errors.md") if len(row) == 3}
    assert set(FAILURE_CLASS.items()) <= explained


def test_events_are_explained() -> None:
    """Each event is named."""
    known = set(events.ALL)
    text = (GUIDE / "api.md").read_text()
    assert {event for event in known if f"`{event}`" not in text} == set()


def test_rules_are_explained() -> None:
    """Each rule of review has a row with its severity."""
    explained = {(row[0], row[1]) for row in rows(GUIDE / "changes-and-releases.md")}
    known = {(rule.id, rule.severity) for rule in RULES} | {(rule.id, rule.severity) for rule in SCRIPT_RULES}
    assert known <= explained


def test_grants_are_those_of_the_engine() -> None:
    """The SQL for a protected ledger is what the engine would say."""
    shown = (
        (OPERATIONS / "target-grants.md").read_text().partition("<!-- sql: grants -->\n```sql\n")[2].partition("```")[0]
    )
    assert shown == engine_for("postgres").grants("penstock_change")


def test_routes_exist() -> None:
    """Every path of the API that a page names is one that is served."""
    served = {
        anonymous(f"{method.upper()} {path.removeprefix('/api/v1')}")
        for path, operations in bootstrap.openapi_document()["paths"].items()
        for method in operations
    }
    pattern = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /(?!metrics|healthz|readyz)[^`?\s]*)")
    named = {(name(page), anonymous(found)) for page in PAGES for found in pattern.findall(page.read_text())}
    assert {(page, route) for page, route in named if route not in served} == set()


def anonymous(route: str) -> str:
    """A route with its parameters' names taken out."""
    return re.sub(r"\{[^}]*\}", "{}", route)


# What a CI system calls its own parts.
OTHERS_WORDS = {
    (page, word) for page in ("docs/guide/ci.md", "docs/reference/cli.md") for word in ("job", "jobs", "workflows")
}


def test_words_are_those_of_the_glossary() -> None:
    """What the glossary calls by one word is not called by another; decisions may speak of others' products."""
    given_up = {word for row in rows(REFERENCE / "glossary.md") if len(row) == 3 for word in row[2].split(", ") if word}
    pattern = re.compile(rf"\b({'|'.join(sorted(given_up - COMMON_WORDS))})s?\b", re.IGNORECASE)
    pages = [p for p in PAGES if p.parent != DOCS / "adr" and p.name not in ("glossary.md", "CONTRIBUTING.md")]
    found = {(name(page), match[0].lower()) for page in pages for match in pattern.finditer(page.read_text())}
    assert found - OTHERS_WORDS == set()


def test_every_key_of_a_pipeline_is_explained() -> None:
    """Each key that a request may have for a pipeline, a stage or a task has a row."""
    explained = {row[0] for row in rows(GUIDE / "pipelines.md")}
    written = (schemas.NewPipeline, schemas.NewStage, schemas.NewTask)
    keys = {field.encode_name for struct in written for field in msgspec.structs.fields(struct)}
    assert keys - explained == set()
