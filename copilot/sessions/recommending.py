"""Ticket-only mode: a title and a summary in, five causes and five mitigations out. No cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Engine

from copilot.agent.client import ModelClient
from copilot.agent.recommend import Recommendation, from_retrieval, recommend
from copilot.config.settings import Settings
from copilot.model.errors import UsageError
from copilot.sessions.answering import model_settings
from copilot.sessions.database import open_database
from copilot.sessions.knowledge import LazyKnowledge
from copilot.tools.redact import redact
from retrieval.store import DocumentStore
from retrieval.values import DocumentKind, Hit

_INCIDENTS, _RUNBOOKS = 12, 3


def whole(engine: Engine, hits: Sequence[Hit]) -> list[Hit]:
    """Return hits with the text of their whole documents: the passage found seldom tells cause and fix."""
    store = DocumentStore(engine)
    found = []
    for hit in hits:
        document = store.document(hit.document)
        found.append(replace(hit, text=document.text) if document else hit)
    return found


async def recommended(settings: Settings, title: str, summary: str) -> Recommendation:
    """Recommend from what is indexed, with the model where one is set. Raises `CopilotError`."""
    if not title.strip():
        raise UsageError(
            "there is no title", hint='incident-copilot recommend "TITLE" --summary "…"'
        )
    engine = await asyncio.to_thread(open_database, settings.state.database_url)
    knowledge = LazyKnowledge(engine, settings)
    try:
        query = redact(f"{title}. {summary}".strip())
        incidents, runbooks = await asyncio.gather(
            knowledge.search(query, kind=DocumentKind.INCIDENT, limit=_INCIDENTS),
            knowledge.search(query, kind=DocumentKind.RUNBOOK, limit=_RUNBOOKS),
        )
        incidents = await asyncio.to_thread(whole, engine, incidents)
    finally:
        await knowledge.close()
        engine.dispose()
    found = from_retrieval(query, incidents, runbooks)
    if not settings.model.usable:
        return found
    client = ModelClient(model_settings(settings.model))
    try:
        return await recommend(
            client,
            settings.model.name,
            title,
            summary,
            found,
            seconds=settings.model.max_seconds,
        )
    finally:
        await client.close()
