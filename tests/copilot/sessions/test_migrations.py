from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

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
