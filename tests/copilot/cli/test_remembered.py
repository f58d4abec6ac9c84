"""`incident-copilot remembered`: versions of an object that is long gone."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot.model.scope import Scope, Window
from copilot.sessions.database import open_database
from copilot.sessions.history import DatabaseHistory
from tests.copilot.cli.conftest import Forks

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def config(name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": "u1"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    history = DatabaseHistory(open_database(f"sqlite:///{tmp_path / 'copilot.db'}"), days=30)
    for cluster in ("prod", "test"):
        scope = Scope(cluster, ("shop",), Window.last(AT))
        await history.note(scope, [config("settings", mode="fast")], AT, well=True)
        later = AT + timedelta(hours=1)
        await history.note(scope, [config("settings", mode="slow")], later, well=False)
    secret = [config("login", password="hunter2-hunter2")]
    await history.note(Scope("prod", ("shop",), Window.last(AT)), secret, AT, well=True)
    return tmp_path


async def told(forks: Forks, folder: Path, *words: str) -> tuple[int, str, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "INCIDENT_COPILOT_STATE__FOLDER": str(folder),
    }
    done = await asyncio.to_thread(forks.run, "remembered", *words, environment=environment)
    return done.code, done.stdout, done.stderr


async def test_versions_are_shown_with_what_changed(folder: Path, forks: Forks) -> None:
    code, out, _ = await told(forks, folder, "configmap/settings", "--context", "prod")
    assert code == 0
    assert "ConfigMap/shop/settings on prod" in out
    assert "data/mode: fast -> slow" in out and "well at 2026-03-01 12:00:00 UTC" in out
    code, out, _ = await told(
        forks, folder, "configmap/settings", "--context", "prod", "--format", "json"
    )
    assert [v["manifest"]["data"]["mode"] for v in json.loads(out)["versions"]] == ["slow", "fast"]


async def test_the_last_good_manifest_can_be_applied(folder: Path, forks: Forks) -> None:
    _, out, err = await told(forks, folder, "ConfigMap/settings", "--context", "prod", "--manifest")
    expected = config("settings", mode="fast")
    del expected["metadata"]["uid"]
    assert yaml.safe_load(out) == expected and not err
    _, out, err = await told(forks, folder, "configmap/login", "--manifest")
    assert "hunter2" not in out and "masked" in err


async def test_what_cannot_be_answered_says_what_to_do(folder: Path, forks: Forks) -> None:
    code, _, err = await told(forks, folder, "configmap/settings")
    assert code == 2 and "--context" in err and "on prod" in err and "on test" in err
    code, _, err = await told(forks, folder, "settings")
    assert code == 2 and "deployment/cart" in err
    code, _, err = await told(forks, folder, "configmap/other")
    assert code == 5 and "never seen" in err
