"""The worked example of docs/connectors.md, installed as a package, found, run; and foreign code that misbehaves."""

from __future__ import annotations

import asyncio
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from connectors.api.errors import ConnectorError, SourceUnreachable
from copilot.config.settings import Settings
from copilot.config.sources import ConnectorSection
from copilot.model.errors import ConfigError
from copilot.sessions.own import Guarded, open_own
from copilot.sessions.sources import open_sources
from copilot.tools.toolbox import Toolbox
from tests.copilot.tools.worlds import NOW, Cluster, FixedClock, app, scope

DOCS = Path(__file__).parents[3] / "docs" / "connectors.md"


def written(language: str, title: str) -> str:
    """Return the code block of the documentation that begins with a title."""
    [block] = re.findall(rf"```{language}\n# {re.escape(title)}\n(.*?)```", DOCS.read_text(), re.S)
    return str(block)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Build the example's wheel from its pyproject.toml, and install it into a folder."""
    project = tomllib.loads(written("toml", "pyproject.toml"))["project"]
    wheel = tmp_path / "acme_diary-1.0-py3-none-any.whl"
    info = "acme_diary-1.0.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in entries.items())
        for group, entries in project["entry-points"].items()
    )
    with ZipFile(wheel, "w") as archive:
        archive.writestr("acme_diary.py", written("python", "acme_diary.py"))
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", points)
        archive.writestr(f"{info}/RECORD", "")
    site = tmp_path / "site"
    with ZipFile(wheel) as archive:  # what an installer does with a pure wheel
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("acme_diary", None)


def settings(**connectors: dict[str, Any]) -> Settings:
    return Settings(connectors={name: ConnectorSection(**one) for name, one in connectors.items()})


async def test_the_documented_example_tells_get_changes(installed: Path, tmp_path: Path) -> None:
    diary = tmp_path / "diary.csv"
    diary.write_text(
        "time,namespace,service,what,who\n"
        f"{(NOW - timedelta(minutes=7)).isoformat()},shop,cart,switched to the new pool; password=hunter2,ada\n"
        f"{(NOW - timedelta(minutes=3)).isoformat()},other,cart,elsewhere,bob\n"
    )
    chosen = settings(diary={"use": "acme-diary", "options": {"file": str(diary)}})
    async with AsyncExitStack() as stack:
        sources = open_sources(chosen, FixedClock(), Cluster(app("cart")), None, stack)
        [source] = sources.changes
        [row] = await source.check()
        assert (row.ok, "2 entries" in row.detail) == (True, True)
        text = (await Toolbox(sources, scope()).call("get_changes", {"service": "cart"})).text
    assert "(7m ago) Service shop/cart: switched to the new pool; password=[redacted:" in text
    assert "(by ada)" in text
    assert "elsewhere" not in text


async def test_bad_settings_are_one_clear_line(installed: Path) -> None:
    for section, said in (
        ({"use": "acme-dairy"}, 'no installed package has a connector "acme-dairy"'),
        ({"use": "acme-diary"}, 'acme-diary needs the option "file"'),
        ({"use": "acme-diary", "options": {"file": 7}}, "connectors.diary: "),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)) as caught:
            open_own(settings(diary=section))
        assert caught.value.hint
    sys.modules.pop("acme_diary")
    (installed / "acme_diary.py").write_text("open_diary = lambda options: object()\n")
    with pytest.raises(ConfigError, match="fits no Protocol"):
        open_own(settings(diary={"use": "acme-diary"}))
    sys.modules.pop("acme_diary")
    (installed / "acme_diary.py").write_text("import a_module_that_is_not_there\n")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_own(settings(diary={"use": "acme-diary"}))


class Foreign:
    name = "foreign"

    async def alerts(self, at: object) -> object:
        raise ZeroDivisionError("by zero")

    async def check(self) -> object:
        raise OSError("no")

    async def slow(self) -> None:
        await asyncio.sleep(10)


async def test_foreign_code_cannot_end_an_investigation() -> None:
    guarded: Any = Guarded("theirs", Foreign(), 0.05)
    assert guarded.name == "foreign"
    with pytest.raises(ConnectorError, match="theirs failed: ZeroDivisionError: by zero"):
        await guarded.alerts(NOW)
    with pytest.raises(SourceUnreachable, match="theirs did not answer within"):
        await guarded.slow()
    [row] = await guarded.check()
    assert (row.ok, row.detail) == (False, "OSError: no")
