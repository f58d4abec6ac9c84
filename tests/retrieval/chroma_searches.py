"""What the tests of both kinds of Chroma search for, and how they wait for it."""

from __future__ import annotations

import time

from retrieval.knowledge import KnowledgeIndex

QUERIES = ["certificate dates", "KubePodCrashLooping", "login revoked", "free space of the volume"]


def found(index: KnowledgeIndex) -> list[list[tuple[str, str]]]:
    return [[(hit.title, hit.section) for hit in index.search_now(query)[:3]] for query in QUERIES]


def wait_for_chroma(index: KnowledgeIndex) -> None:
    deadline = time.monotonic() + 60
    while index.status().vectors != "chroma":
        assert time.monotonic() < deadline, index.status()
        index.search_now("anything")
        time.sleep(0.02)
