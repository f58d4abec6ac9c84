"""What an investigation leaves behind: templates and services as documents, and postmortems that were accepted."""

from __future__ import annotations

from pathlib import Path

from copilot.config.settings import KnowledgeSection, Settings, StateSection
from copilot.evidence.case import Case
from copilot.evidence.engine import EvidenceEngine
from copilot.model.events import DiagnosisReady
from copilot.sessions.database import open_database
from copilot.sessions.knowledge import LazyKnowledge
from copilot.sessions.learning import documents_of
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, Recording

INCIDENT = """---
id: INC-7
title: Orders could not be stored
date: 2026-01-05
cause: the database password was rotated
fix: restarted the pods with the new secret
---
## What was seen
"""


async def case_of(name: str) -> Case:
    """Return what an investigation of a recording read, as the engine gives it to who learns."""
    recording = Recording(name)
    seen: list[Case] = []
    engine = EvidenceEngine(
        Sources(FixedClock(recording.now), recording.cluster), learn=seen.append
    )
    events = [event async for event in engine.investigate("", recording.scope())]
    assert isinstance(events[-1], DiagnosisReady)
    (case,) = seen
    return case


def settings_of(folder: Path, **knowledge: object) -> Settings:
    return Settings(
        state=StateSection(folder=folder),
        knowledge=KnowledgeSection(builtin=False, **knowledge),  # type: ignore[arg-type] # free options
    )


async def test_an_investigation_is_remembered_once(tmp_path: Path) -> None:
    case = await case_of("secret")
    settings = settings_of(tmp_path)
    engine = open_database(settings.state.database_url)
    knowledge = LazyKnowledge(engine, settings)
    knowledge.learn(case)
    await knowledge.close()
    index = await knowledge.open()
    first = index.status()
    assert first.telemetry > 0
    assert first.documents == 0
    edge = next(e for e in case.topology.edges if e.caller.name != e.callee.name)
    hits = await knowledge.search(f"which path breaks when {edge.callee.name} is slow?")
    assert hits[0].title == f"Dependencies of {edge.callee.name}"
    assert edge.caller.name in hits[0].text
    knowledge.learn(case)
    await knowledge.close()
    index = await knowledge.open()
    assert index.status().telemetry == first.telemetry
    await knowledge.close()
    engine.dispose()


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    case = await case_of("secret")
    settings = settings_of(tmp_path, learn=False)
    engine = open_database(settings.state.database_url)
    knowledge = LazyKnowledge(engine, settings)
    knowledge.learn(case)
    await knowledge.close()
    index = await knowledge.open()
    assert index.status().telemetry == 0
    await knowledge.close()
    engine.dispose()


async def test_a_template_is_linked_to_the_incident_in_whose_text_it_stands(tmp_path: Path) -> None:
    case = await case_of("secret")
    templates = [one for one in documents_of(case) if one.path.startswith("logs/")]
    if not templates:
        case = await case_of("targetport")
        templates = [one for one in documents_of(case) if one.path.startswith("logs/")]
    line = templates[0].text.split("```")[1].strip().replace("<*>", "42")
    folder = tmp_path / "incidents"
    folder.mkdir()
    (folder / "inc-7.md").write_text(f"{INCIDENT}\nThe log said `{line}` all the time.\n")
    settings = settings_of(tmp_path)
    engine = open_database(settings.state.database_url)
    knowledge = LazyKnowledge(engine, settings)
    index = await knowledge.open()
    index.add([folder], case.now)
    linked = next(one for one in documents_of(case, index) if one.path == templates[0].path)
    assert linked.metadata["incidents"] == "INC-7"
    assert "Orders could not be stored: the database password was rotated" in linked.text
    await knowledge.close()
    engine.dispose()
