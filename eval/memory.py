"""The knowledge that an agent under test has: made once, copied for each problem."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from copilot.sessions.database import open_database
from copilot.sessions.knowledge import change, open_knowledge
from eval.knowledge import incident_folder


async def prepare(folder: Path, now: datetime, *, builtin: bool, incidents: bool) -> None:
    """Fill a state folder with the built-in runbooks and the bundled past incidents, or neither."""
    engine = open_database(f"sqlite:///{folder / 'copilot.db'}")
    try:
        index = await open_knowledge(engine, folder, builtin=builtin)
        try:
            if incidents:
                await change(lambda: index.add([incident_folder()], now))
            # the first search derives the indexes, which every copy then has
            await index.search("anything", limit=1)
        finally:
            index.close()
    finally:
        engine.dispose()


def copy(prepared: Path, folder: Path) -> None:
    """Give a problem its own copy."""
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
