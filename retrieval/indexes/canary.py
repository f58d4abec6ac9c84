"""Opens a Chroma folder in a process of its own, because a torn one can crash whoever opens it.

`python -m retrieval.indexes.canary FOLDER SAMPLE` ends with 0 when every collection answers and
finds the sampled vectors that it says it holds.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_SECONDS = 120


def survives(folder: Path, sample: Mapping[str, Vectors]) -> bool:
    """Return whether the store in `folder` opens and finds the sample, without risking us."""
    import numpy as np

    file = folder / "canary.npz"
    rows = np.array(list(sample.values()), dtype=np.float32)
    np.savez(file, ids=np.array(list(sample)), vectors=rows)
    command = [sys.executable, "-m", "retrieval.indexes.canary", str(folder), str(file)]
    try:
        finished = subprocess.run(
            command, capture_output=True, timeout=_SECONDS, check=False, cwd=_root()
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        file.unlink(missing_ok=True)
    return finished.returncode == 0


def check(folder: Path, sample: Mapping[str, Vectors]) -> bool:
    """Return whether the store finds the sampled vectors that it says it holds. May crash."""
    from retrieval.indexes.places import open_client

    client = open_client(folder)
    collections = [
        client.get_collection(each.name, embedding_function=None)
        for each in client.list_collections()
    ]
    return all(finds(collection, sample) for collection in collections)


def finds(collection: Any, sample: Mapping[str, Vectors]) -> bool:
    """Return whether each sampled vector that a collection holds is found by itself."""
    if not collection.count():
        return True
    held = set(collection.get(ids=list(sample), include=[])["ids"])
    for identity in held:
        answer = collection.query(
            query_embeddings=[sample[identity]], n_results=1, include=["distances"]
        )
        # Another passage with the same vector is as good: the same words, the same place.
        if not answer["ids"][0] or answer["distances"][0][0] > 1e-3:
            return False
    return True


def _root() -> Path:
    return Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Check a folder against a sample file."""
    import numpy as np

    with np.load(arguments[1], allow_pickle=False) as data:
        sample = dict(zip(data["ids"].tolist(), data["vectors"], strict=True))
    return 0 if check(Path(arguments[0]), sample) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
