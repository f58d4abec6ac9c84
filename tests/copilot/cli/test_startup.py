"""What a command does not need, it does not import."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "llama_index",
    "openai",
    "chromadb",
    "kubernetes",
    "onnxruntime",
    "sqlalchemy",
    "pydantic",
    "textual",
    "slack_bolt",
    "rich",
    "numpy",
    "aiohttp",
)
_REPORT = "import json,sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{_REPORT}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['incident-copilot', '--help']\n"
        "from copilot.cli.main import app\n"
        "app(standalone_mode=False)"
    )
    assert imported(code) & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("copilot.model.report", set()),
        ("copilot.tools.toolbox", {"pydantic"}),
        ("copilot.evidence.engine", {"pydantic"}),
        ("copilot.agent.loop", {"pydantic"}),
        ("copilot.mitigation.door", {"pydantic"}),
        ("connectors.kubernetes.reader", set()),
        ("connectors.prometheus.source", set()),
        ("retrieval.knowledge", {"numpy"}),
        ("bots.slack.app", {"pydantic"}),
        ("copilot.sessions.assemble", {"pydantic", "sqlalchemy", "numpy"}),
    ],
)
def test_rooms_import_only_what_they_are_about(module: str, needed: set[str]) -> None:
    assert imported(f"import {module}") & set(HEAVY) <= needed
