"""Where a Chroma index lives: in a folder of ours, or on a server by URL."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from retrieval.errors import KnowledgeError, VectorIndexAway, VectorIndexBroken
from retrieval.indexes import canary

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_TROUBLE = (RuntimeError, ValueError, KeyError, TypeError, OSError)
_SECONDS = 20.0


class Place(Protocol):
    """Opens Chroma. A generation is one life of the index: a new one owes nothing to those before."""

    @property
    def name(self) -> str:
        """Names the place; what is known about an index holds for one place only."""
        ...

    def prefix(self, generation: int) -> str:
        """Return what the names of a generation's collections begin with."""
        ...

    def open(self, generation: int, sample: Mapping[str, Vectors], *, unclean: bool) -> Any:
        """Return a client; raise `VectorIndexBroken`, or `VectorIndexAway` where nobody answers.

        After an `unclean` end a place that could crash this process is tried with `sample` in another.
        """
        ...

    def close(self, client: Any) -> None:
        """Give back what a client of this place holds."""
        ...

    def discard(self, generation: int) -> None:
        """Remove what a generation holds, as far as that can be done now."""
        ...


def open_client(folder: Path) -> Any:
    """Open a Chroma folder in this process."""
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(
        str(folder), settings=Settings(anonymized_telemetry=False, allow_reset=False)
    )


@dataclass(frozen=True, slots=True)
class EmbeddedChroma:
    """Chroma in this process, in `folder`; a process may not open the same generation twice."""

    folder: Path

    @property
    def name(self) -> str:
        """The same for every folder: what is known about it moves with it."""
        return "embedded"

    def path(self, generation: int) -> Path:
        """Return the folder of a generation."""
        return self.folder / f"chroma-{generation}"

    def prefix(self, generation: int) -> str:
        """Return nothing: each generation has a folder of its own."""
        return ""

    def open(self, generation: int, sample: Mapping[str, Vectors], *, unclean: bool) -> Any:
        """Open the folder, in a process that may crash first after an unclean end."""
        path = self.path(generation)
        if path.exists() and unclean and not canary.survives(path, sample):
            raise VectorIndexBroken("it does not survive being opened after an unclean end")
        with failing("opening"):
            return open_client(path)

    def close(self, client: Any) -> None:
        """Close the client."""
        with suppress(VectorIndexBroken), failing("closing"):
            client.close()

    def discard(self, generation: int) -> None:
        """Remove a generation's folder."""
        shutil.rmtree(self.path(generation), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """A Chroma server at `url`, shared with others: collections begin with an id of our data folder.

    `token` is sent as a bearer token, for a proxy in front: Chroma itself asks for none.
    """

    url: str
    folder: Path
    token: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no URL. Raises `KnowledgeError`."""
        parts = urlsplit(self.url)
        try:
            fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            fits = False
        if not fits:
            raise KnowledgeError(
                f"{self.url!r} is not the URL of a Chroma server: write it like http://chroma:8000"
            )

    @property
    def name(self) -> str:
        """The server's URL."""
        return self.url

    def prefix(self, generation: int) -> str:
        """Return the data folder's id and the generation."""
        return f"{self._id()}-{generation}-"

    def open(self, generation: int, sample: Mapping[str, Vectors], *, unclean: bool) -> Any:
        """Connect; a server that crashes takes nobody with it, so that nothing is tried before."""
        import chromadb
        import httpx
        from chromadb.config import Settings

        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with failing("connecting to"):
            client = chromadb.HttpClient(
                host=f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/"),
                port=parts.port or (443 if secure else 80),
                ssl=secure,
                headers=headers,
                settings=Settings(anonymized_telemetry=False),
            )
        for session in _sessions(client):
            # It waits for ever by default, and a search would wait with it.
            session.timeout = httpx.Timeout(_SECONDS)
        return client

    def close(self, client: Any) -> None:
        """Close the client and its connections, which it leaves open by itself."""
        sessions = _sessions(client)
        with suppress(VectorIndexBroken), failing("closing"):
            client.close()
        for session in sessions:
            session.close()

    def discard(self, generation: int) -> None:
        """Delete a generation's collections; those of a server that is away stay there."""
        with suppress(VectorIndexBroken):
            client = self.open(generation, {}, unclean=False)
            with failing("deleting"):
                for each in client.list_collections():
                    if each.name.startswith(self.prefix(generation)):
                        client.delete_collection(each.name)
            self.close(client)

    def _id(self) -> str:
        file = self.folder / "chroma.id"
        with suppress(OSError):
            known = file.read_text(encoding="utf-8").strip()
            if re.fullmatch(r"[0-9a-f]{12}", known):
                return known
        made = uuid.uuid4().hex[:12]
        file.write_text(made, encoding="utf-8")
        return made


def _sessions(client: Any) -> list[Any]:
    """Return the HTTP clients inside a Chroma client: it has one more that looks at the tenant."""
    owners = (client, getattr(client, "_admin_client", None))
    found = (getattr(getattr(owner, "_server", None), "_session", None) for owner in owners)
    return [session for session in found if session is not None]


@contextmanager
def failing(doing: str) -> Iterator[None]:
    """Turn what Chroma raises into `VectorIndexBroken`, or `VectorIndexAway` where no server answers."""
    import httpx
    from chromadb.errors import ChromaError

    try:
        yield
    except VectorIndexBroken:
        raise
    except BaseException as error:
        # A panic in Chroma's Rust part is a BaseException of a class that cannot be imported.
        panic = type(error).__name__ == "PanicException"
        known = isinstance(error, (ChromaError, httpx.HTTPError, *_TROUBLE))
        if not panic and not known:
            raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        away = isinstance(error, httpx.TransportError) or "Could not connect" in first
        kind = VectorIndexAway if away else VectorIndexBroken
        raise kind(f"{doing} the Chroma index failed: {first}") from error
