"""Opens the one database and brings its schema up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from copilot.model.errors import ConfigError, UnavailableError

HEAD = "0004"
"""The newest migration."""


def open_database(url: str) -> Engine:
    """Open the database at `url`, migrated to `HEAD`.

    SQLite files are created with their folder, in WAL mode, so that several processes may read
    while one writes. Raises `ConfigError` for a bad URL and `UnavailableError` when it cannot be opened.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigError(
            f"state.url is not a database URL that can be used: {url!r}",
            hint="use sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME with psycopg installed",
        ) from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        if _revision(engine) != HEAD:
            _migrate(engine)
    except (DBAPIError, OSError) as error:
        raise UnavailableError(
            f"the state database cannot be opened: {url}",
            hint="check that the folder exists and is writable, or set state.url",
        ) from error
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    if engine.url.database not in (None, "", ":memory:"):
        try:
            Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"the state folder cannot be made: {error.filename}", hint="set state.folder"
            ) from error

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _revision(engine: Engine) -> str | None:
    # Read by hand: importing alembic costs more than all of this, and it is needed once.
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
        return str(row[0]) if row else None


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "copilot.sessions:migrations")
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            # The driver begins no transaction before DDL: a process that is killed here would leave
            # half a schema, which no later migration could go on from.
            driver.isolation_level = None
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            if sqlite:
                driver.isolation_level = ""
