"""Opens the sources of documents that the settings name, and mirrors them for the index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.api.errors import ConnectorError
from connectors.api.mirror import mirror
from connectors.api.protocols import DocumentSource
from copilot.config.settings import Settings
from copilot.config.sources import DocumentsSection
from copilot.model.errors import ConfigError
from copilot.sessions.opening import common, explained
from copilot.sessions.own import open_own


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of one source; `failure` "" when it was read. `folder` holds its documents."""

    name: str
    folder: Path
    written: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    failure: str = ""


def open_documents(settings: Settings, now: Callable[[], datetime]) -> dict[str, DocumentSource]:
    """Return the sources of documents by the names that the settings give them. Raises `ConfigError`."""
    found: dict[str, DocumentSource] = {}
    for name, section in settings.documents.items():
        with explained(f"documents.{name}"):
            found[name] = _open(name, section, settings, now)
    for name, source in open_own(settings).documents.items():
        found.setdefault(name, source)
    return found


async def sync(settings: Settings, now: Callable[[], datetime]) -> list[Synced]:
    """Bring the mirrored folders in step with their sources.

    A source that fails keeps the documents it gave before. Raises `ConfigError`, and `OSError` where
    nothing can be written.
    """
    sources = open_documents(settings, now)
    return list(await asyncio.gather(*(_one(n, s, settings) for n, s in sources.items())))


def folder_of(name: str, settings: Settings) -> Path:
    """Return where the documents of a source are mirrored."""
    return settings.state.folder / "documents" / name


async def _one(name: str, source: DocumentSource, settings: Settings) -> Synced:
    folder = folder_of(name, settings)
    try:
        found = await source.documents()
    except ConnectorError as error:
        return Synced(name, folder, failure=str(error))
    finally:
        await source.close()
    done = await asyncio.to_thread(mirror, found, folder)
    return Synced(name, folder, done.written, done.unchanged, done.removed, found.skipped)


def _open(
    name: str, section: DocumentsSection, settings: Settings, now: Callable[[], datetime]
) -> DocumentSource:
    match section.source:
        case "folder":
            from connectors.files import FolderDocuments, FolderSettings

            assert section.folder is not None  # the section's own validation
            return FolderDocuments(FolderSettings(section.folder, section.kind))
        case "git":
            from connectors.files import GitDocuments, GitSettings

            return GitDocuments(
                GitSettings(
                    section.url,
                    settings.state.folder / "repositories" / name,
                    branch=section.branch,
                    subfolder=section.subfolder,
                    kind=section.kind,
                    token=section.token.get_secret_value(),
                    username=section.username or "oauth2",
                    timeout=max(section.timeout, 60.0),
                )
            )
        case "confluence":
            from connectors.confluence import ConfluencePages, ConfluenceSettings

            return ConfluencePages(
                ConfluenceSettings(
                    **common(section), spaces=section.spaces, label=section.label, kind=section.kind
                )
            )
        case "jira":
            from connectors.jira import JiraIncidents, JiraSettings
            from connectors.jira.settings import INCIDENTS

            query = section.query or INCIDENTS
            return JiraIncidents(JiraSettings(**common(section), query=query))
        case "pagerduty":
            from connectors.pagerduty import PagerDutyIncidents, PagerDutySettings
            from connectors.pagerduty.incidents import PagerDutyHistory

            own = settings.pagerduty
            token = own.token.get_secret_value()
            if not token:
                raise ConfigError(
                    f"documents.{name}: PagerDuty's key is not set",
                    hint="set pagerduty.token, or INCIDENT_COPILOT_PAGERDUTY__TOKEN",
                )
            account = PagerDutySettings(
                url=own.url, token=token, timeout=own.timeout, services=own.services
            )
            return PagerDutyHistory(PagerDutyIncidents(account), now, section.days)
