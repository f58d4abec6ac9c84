"""The engine knows Kubernetes and distributed systems, and none of the systems it is tried on."""

import re
from pathlib import Path

import pytest

from copilot.evidence import ablation
from eval.apps.loader import bundled_apps, load_app
from eval.faults.registry import FAULTS

ROOT = Path(__file__).parents[3] / "copilot"
GENERAL = {"kafka", "consul", "jaeger", "frontend", "search", "user", "rate", "email", "payment", "cart", "ad",
           "quote", "checkout", "currency", "shipping", "profile", "server", "client", "flagd", "mysql",
           "postgresql", "recommendation", "accounting", "geo", "reservation", "review", "attractions"}  # fmt: skip
"""Names of services that are also products or plain words; the two-part names give the rest away."""


def sources() -> dict[Path, str]:
    files = [*(ROOT / "evidence").rglob("*.py"), *(ROOT / "mitigation").rglob("*.py")]
    return {file: file.read_text() for file in files}


def test_no_analyzer_names_an_app_a_service_or_a_fault() -> None:
    words = set(FAULTS) - {"quota", "host_alias"}
    for name in bundled_apps():
        app = load_app(name)
        words |= {name, name.replace("_", "-"), app.namespace} - {"docker"}
        words |= {s for s in app.services if s not in GENERAL and len(s) > 3}
    pattern = re.compile(r"(?<![\w-])(" + "|".join(sorted(map(re.escape, words))) + r")(?![\w-])")
    found = [
        f"{file.name}: {m.group()}"
        for file, text in sources().items()
        for m in pattern.finditer(text)
    ]
    # Causes are named "<area>.<condition>", and a kind of fault may be called like the condition.
    allowed = {"nodes_tainted"}
    causes = (ROOT / "model" / "causes.py").read_text()
    assert [
        f for f in found if "." + f.split(": ")[1] not in causes and f.split(": ")[1] not in allowed
    ] == []


def test_no_analyzer_imports_the_evaluation() -> None:
    assert [
        file.name
        for file, text in sources().items()
        if re.search(r"^(from|import) eval\b", text, re.M)
    ] == []


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no part"):
        ablation.check(["smoke"])
