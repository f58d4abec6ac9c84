"""An ingesting process is killed at random moments: what it reported is there afterwards."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from retrieval.store import DocumentStore

if TYPE_CHECKING:
    from conftest import OpenIndex

FILES = 60
KILLS = 4

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from conftest import NOW, WordEmbedder
from sqlalchemy import create_engine
from retrieval.knowledge import KnowledgeIndex

index = KnowledgeIndex.open(
    create_engine(sys.argv[1]), Path(sys.argv[2]),
    embedder=WordEmbedder(), builtin=False, vectors="chroma",
)
report = lambda done, total, path: print(path, flush=True)
index.add([Path(sys.argv[3])], NOW, progress=report)
print("done", flush=True)
while True:
    for file in sorted(Path(sys.argv[3]).glob("*.md"))[::7]:
        file.write_text(file.read_text() + "\\nOnce more.\\n")
    index.refresh(NOW)
    print("done", flush=True)
"""


def test_killed_at_random_moments(
    engine: Engine, data: Path, tmp_path: Path, now: datetime, opened: OpenIndex
) -> None:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    for number in range(FILES):
        text = f"# Case {number}\n\n## Check\nlook at unique{number}\n\n## Fix\nrepair it\n"
        (folder / f"{number:02}.md").write_text(text)
    chance = random.Random(7)
    acknowledged: set[str] = set()
    command = [sys.executable, "-c", CHILD, str(engine.url), str(data), str(folder)]
    for _ in range(KILLS):
        child = subprocess.Popen(
            [*command, str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        lines = [child.stdout.readline()]  # it is at work
        time.sleep(chance.uniform(0, 1.8))
        child.kill()
        lines += child.communicate()[0].splitlines()
        # The last line may be torn.
        acknowledged |= {line.strip() for line in lines if line.strip().endswith(".md")}
        assert acknowledged
        assert acknowledged <= set(DocumentStore(engine).stored())
    index = opened(vectors="chroma")
    index.refresh(now)
    status = index.status()
    assert (status.documents, status.vectors, status.chroma) == (FILES, "chroma", "ready")
    for number in range(0, FILES, 7):
        assert index.search_now(f"unique{number}")[0].title == f"Case {number}"
