"""What the settings name is opened, mirrored and indexed; what fails keeps what it gave."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from connectors.argocd import ArgoApi, ArgoObjects
from connectors.kubernetes.releases import HelmReleases
from copilot.config.settings import Settings, load_settings
from copilot.config.sources import ClusterSection, HelmSection
from copilot.model.errors import ConfigError
from copilot.sessions.documents import folder_of, open_documents, sync
from copilot.sessions.opening import open_changes
from tests.copilot.tools.worlds import NOW, Cluster

DOCS = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text()


def loaded(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load_settings(file)


async def test_a_folder_is_mirrored_and_a_failure_keeps_it(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "a.md").write_text("# A")
    settings = loaded(
        tmp_path,
        f'[state]\nfolder = "{tmp_path / "state"}"\n'
        f'[documents.books]\nsource = "folder"\nfolder = "{books}"\nkind = "incident"\n',
    )
    [one] = await sync(settings, lambda: NOW)
    assert (one.name, one.written, one.failure) == ("books", 1, "")
    copy = folder_of("books", settings) / "incidents" / "a.md"
    assert copy.read_text() == "# A"
    books.rename(tmp_path / "moved")
    [one] = await sync(settings, lambda: NOW)
    assert "does not exist" in one.failure
    assert copy.exists()


def test_the_documented_settings_are_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(\[(?:helm|documents|cluster).*?)```", DOCS, re.S)
    assert len(blocks) == 3
    for block in blocks:
        tomllib.loads(block)
        settings = loaded(tmp_path, block + '\n[pagerduty]\ntoken = "k"\n')
        sources = open_documents(settings, lambda: NOW) if "documents" in block else {}
        if sources:
            assert set(sources) == {"runbooks", "wiki", "tickets", "pages", "archive"}
        changes = open_changes(settings, Cluster())
        if "[helm]" in block:
            kinds = [type(one) for one in changes]
            assert kinds[:2] == [HelmReleases, ArgoObjects]
            assert len(kinds) == 4


def test_argo_by_its_address_comes_first(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[argocd]\nenabled = true\nurl = "https://argo.example.com"\n')
    [source] = open_changes(settings, Cluster())
    assert isinstance(source, ArgoApi)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[documents.x]\nsource = "git"\n', "needs url"),
        ('[documents.x]\nsource = "folder"\n', "needs folder"),
        ('[documents.x]\nsource = "wiki"\n', "documents.x.source"),
        ("[helm]\nenabled = true\n", "credential of its own"),
        ('[cluster]\nrights = "review"\n', "needs the user"),
    ],
)
def test_incomplete_settings_are_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[documents.x]\nsource = "confluence"\nurl = "https://x.example.com"\n', "needs spaces"),
        ('[documents.x]\nsource = "git"\nurl = "--evil"\n', "neither a URL"),
        ('[documents.x]\nsource = "pagerduty"\n', "key is not set"),
    ],
)
def test_what_a_connector_refuses(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_documents(loaded(tmp_path, text), lambda: NOW)


def test_rights_and_helm_need_what_they_say() -> None:
    assert ClusterSection(user="ada", rights="review").groups == ()
    assert not HelmSection().enabled
