import os
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, event

from copilot.sessions import migrations
from copilot.sessions.database import HEAD, open_database
from copilot.sessions.schema import metadata as sessions_metadata
from retrieval.store import metadata as knowledge_metadata


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/copilot.db")
    both = MetaData()
    for part in (sessions_metadata, knowledge_metadata):
        for table in part.sorted_tables:
            table.to_metadata(both)
    with engine.connect() as db:
        differences = compare_metadata(MigrationContext.configure(db), both)
    assert differences == []
    assert len(both.tables) > 6


def test_head_is_the_newest_migration() -> None:
    folder = Path(str(migrations.__file__)).parent
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


@pytest.mark.parametrize("statement", [4, 9, 14, 20, 27])
def test_a_process_that_is_killed_while_migrating_leaves_a_database_that_opens(
    tmp_path: Path, statement: int
) -> None:
    url = f"sqlite:///{tmp_path}/copilot.db"
    done = 0

    def kill(*_: Any) -> None:
        nonlocal done
        done += 1
        if done == statement:
            os._exit(9)

    child = os.fork()
    if child == 0:
        event.listen(Engine, "after_cursor_execute", kill)
        try:
            open_database(url)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    engine = open_database(url)
    with engine.connect() as db:
        assert MigrationContext.configure(db).get_current_revision() == HEAD
    engine.dispose()
