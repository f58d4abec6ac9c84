"""The bundled runbooks and past incidents: well formed, exact, and about nobody's benchmark."""

from __future__ import annotations

import datetime
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

import retrieval
from copilot.model.causes import CAUSES
from eval.knowledge import incident_folder

RUNBOOK_FOLDER = Path(retrieval.__file__).parent / "library" / "runbooks"
RUNBOOK_KEYS = {"kind", "title", "alerts", "symptoms", "causes", "severity", "last_reviewed"}
RUNBOOK_HEADINGS = [
    "When to use this",
    "What you see",
    "Check first",
    "Tell it apart from",
    "Fix",
    "Verify",
    "If it comes back",
    "Escalate",
]
INCIDENT_KEYS = {
    *("kind", "id", "title", "date", "severity", "services", "alerts", "cause", "fix", "held"),
    *("duration_minutes", "status"),
}
INCIDENT_HEADINGS = [
    "Summary",
    "Symptoms",
    "Timeline",
    "Root cause",
    "What fixed it",
    "Did it hold",
    "What we learned",
    "Follow-ups",
]

# The library must not give away the answer of a benchmark that the product is scored on.
FORBIDDEN_TEXT = re.compile(
    r"deathstarbench|aiopslab|sregym|itbench|rcaeval|openrca|train-?ticket|astronomy.shop"
    r"|online.?boutique|sock.?shop|bookinfo|hotel.?reserv|social.?network|otel-demo|flagd"
    r"|compose-?post|home-timeline|user-timeline|social-graph|url-shorten|unique-id|user-mention"
    r"|(?:text|media|user)-service|post-storage|nginx-thrift|media-frontend|mongodb-(?:geo|rate)"
    r"|memcached-(?:rate|reserve|profile)|(?:geo|rate|profile|recommendation)-db"
    r"|(?:ad|cart|checkout|currency|email|payment|quote|shipping|productcatalog)-?service"
    r"|product-catalog|fraud-detection|image-provider|load-?generator|frontend-proxy|valkey-cart"
    r"|\bts-[a-z]+|\bcheckout\b|\bfrontend\b|productpage",
    re.IGNORECASE,
)
FORBIDDEN_SERVICES = {
    *("user", "search", "geo", "rate", "profile", "recommendation", "reservation", "consul"),
    *("ad", "cart", "checkout", "currency", "email", "payment", "quote", "shipping", "accounting"),
    *("frontend", "kafka", "details", "ratings", "reviews", "catalogue", "orders", "carts"),
}
KUBECTL_VERBS = {
    *("annotate", "apply", "cordon", "create", "debug", "delete", "describe", "diff", "drain"),
    *("edit", "exec", "get", "label", "logs", "patch", "rollout", "run", "scale", "set", "taint"),
    *("top", "uncordon"),
}


@dataclass(frozen=True, slots=True)
class Page:
    path: Path
    front: dict[str, Any]
    body: str

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^## (.+)$", self.body, re.MULTILINE)

    def section(self, heading: str) -> str:
        return self.body.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].strip()

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"^ *```{language}\n(.*?)^ *```$", self.body, re.MULTILINE | re.DOTALL)


def read(path: Path) -> Page:
    before, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    assert before == "", path
    return Page(path, yaml.safe_load(front), body)


RUNBOOKS = [read(path) for path in sorted(RUNBOOK_FOLDER.glob("*.md"))]
INCIDENTS = [read(path) for path in sorted(incident_folder().glob("*.md"))]


def named(page: Page) -> str:
    return page.path.stem


def test_there_are_enough_of_both() -> None:
    assert len(RUNBOOKS) >= 20
    assert len(INCIDENTS) >= 30


@pytest.mark.parametrize("page", RUNBOOKS, ids=named)
def test_a_runbook_is_complete(page: Page) -> None:
    assert page.front.keys() >= RUNBOOK_KEYS
    assert page.front["kind"] == "runbook"
    assert set(page.front["causes"]) <= CAUSES.keys()
    assert page.front["causes"] and page.front["symptoms"] and page.front["alerts"]
    assert all(isinstance(text, str) for text in page.front["symptoms"])
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]+", alert) for alert in page.front["alerts"])
    assert page.front["severity"] in {"critical", "warning", "info"}
    assert isinstance(page.front["last_reviewed"], datetime.date)
    assert page.headings == RUNBOOK_HEADINGS
    assert page.body.lstrip().startswith(f"# {page.front['title']}\n")
    assert all(page.section(heading) for heading in RUNBOOK_HEADINGS)
    assert len(page.body.splitlines()) <= 120


@pytest.mark.parametrize("page", RUNBOOKS, ids=named)
def test_a_runbook_fix_can_be_undone_and_checked(page: Page) -> None:
    assert "ndo" in page.section("Fix")
    assert "kubectl " in page.section("Check first")


@pytest.mark.parametrize("page", RUNBOOKS, ids=named)
def test_commands_and_queries_of_a_runbook_parse(page: Page) -> None:
    inline = re.findall(r"`(kubectl [^`]+)`", page.body)
    lines = [line.strip() for block in page.blocks("sh") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("kubectl")] + inline
    assert commands
    for command in commands:
        words = shlex.split(command)
        assert words[1] in KUBECTL_VERBS, command
    for block in page.blocks("promql"):
        for query in filter(None, block.splitlines()):
            promql_parser.parse(query)


@pytest.mark.parametrize("page", INCIDENTS, ids=named)
def test_an_incident_is_complete(page: Page) -> None:
    assert page.front.keys() == INCIDENT_KEYS
    assert page.front["kind"] == "incident"
    assert page.front["status"] == "resolved"
    assert page.front["cause"] in CAUSES
    assert page.front["held"] in (True, False, "unknown")
    assert re.fullmatch(r"SEV[1-4]", page.front["severity"])
    assert page.front["services"] and page.front["alerts"]
    assert page.front["fix"] and "\n" not in page.front["fix"]
    assert page.front["duration_minutes"] > 0
    assert datetime.date(2025, 1, 1) <= page.front["date"] <= datetime.date(2026, 10, 31)
    assert page.path.name.startswith(f"{page.front['id']}-")
    assert page.front["id"].startswith(f"INC-{page.front['date'].year}-")
    assert page.headings == INCIDENT_HEADINGS
    assert page.body.lstrip().startswith(f"# {page.front['title']}\n")
    assert all(page.section(heading) for heading in INCIDENT_HEADINGS)


def test_ids_are_unique_and_rise_with_the_date() -> None:
    ids = [page.front["id"] for page in INCIDENTS]
    dates = [page.front["date"] for page in INCIDENTS]
    assert len(set(ids)) == len(ids)
    assert dates == sorted(dates)


def test_incidents_cover_many_causes_and_some_fixes_did_not_hold() -> None:
    assert len({page.front["cause"] for page in INCIDENTS}) >= 25
    assert sum(page.front["held"] is False for page in INCIDENTS) >= 3
    references = [set(re.findall(r"INC-\d{4}-\d{4}", p.body)) - {p.front["id"]} for p in INCIDENTS]
    assert sum(bool(found) for found in references) >= 8


@pytest.mark.parametrize("page", RUNBOOKS + INCIDENTS, ids=named)
def test_no_benchmark_is_named(page: Page) -> None:
    found = FORBIDDEN_TEXT.search(page.path.read_text(encoding="utf-8"))
    assert found is None, found
    assert not FORBIDDEN_SERVICES.intersection(page.front.get("services", []))
