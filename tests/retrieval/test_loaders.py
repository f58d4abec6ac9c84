from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.loaders import load
from retrieval.values import DocumentKind


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_markdown_with_front_matter(tmp_path: Path) -> None:
    text = (
        "---\ntitle: A\nservices: [x, y]\nheld: yes\ndate: 2026-01-05\nroot_cause: z\n---\n# H\nb\n"
    )
    (document,) = load(written(tmp_path, "a.md", text)).documents
    assert document.title == "A"
    assert document.text == "# H\nb\n"
    assert document.metadata == {
        "title": "A",
        "services": "x, y",
        "held": "true",
        "date": "2026-01-05",
        "cause": "z",
    }


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "intro\n\n# Real title\nbody", "Real title"),
        ("disk-full_now.md", "body only", "disk full now"),
        ("a.txt", "\nFirst line\nbody", "First line"),
        ("a.html", "<title>From  head</title><p>body", "From head"),
        ("a.md", "\ufeff# After a mark\r\nbody", "After a mark"),
    ],
)
def test_titles(tmp_path: Path, name: str, text: str, title: str) -> None:
    assert load(written(tmp_path, name, text)).documents[0].title == title


def test_html_keeps_structure_and_drops_scripts(tmp_path: Path) -> None:
    page = (
        "<html><script>evil()</script><h1>Top</h1><p>Some <b>bold</b> text.</p>"
        "<h2>Fix</h2><ol><li>one</li><li>two</li></ol><pre>kubectl get\n  pods</pre></html>"
    )
    text = load(written(tmp_path, "a.html", page)).documents[0].text
    assert "evil" not in text
    assert "# Top" in text and "## Fix" in text
    assert "Some bold text." in text
    assert "- one" in text and "```\nkubectl get\n  pods\n```" in text


@pytest.mark.parametrize(
    ("path", "front", "given", "kind"),
    [
        ("a.md", "", None, "runbook"),
        ("incidents/a.md", "", None, "incident"),
        ("incidents/runbooks/a.md", "", None, "runbook"),
        ("postmortems/2026/a.md", "", None, "incident"),
        ("postmortems/a.md", "kind: runbook", None, "runbook"),
        ("runbooks/a.md", "", DocumentKind.INCIDENT, "incident"),
        ("a.md", "kind: incident", DocumentKind.RUNBOOK, "incident"),
    ],
)
def test_kind(tmp_path: Path, path: str, front: str, given: DocumentKind | None, kind: str) -> None:
    file = written(tmp_path, path, f"---\n{front}\n---\nbody")
    assert load(file, kind=given).documents[0].kind == kind


def test_csv_of_past_incidents(tmp_path: Path) -> None:
    table = (
        "id,title,date,severity,services,cause,fix,held,status,summary\n"
        'INC-1,Slow search,2026-01-05,2,"search, geo",pool too small,made it larger,true,closed,'
        '"Search took\nseconds."\n'
        "INC-2,No login,2026-01-06,1,user,secret rotated,restarted,false,closed,Nobody got in.\n"
    )
    loaded = load(written(tmp_path, "past.csv", table))
    first, second = loaded.documents
    assert first.kind is DocumentKind.INCIDENT
    assert first.path.endswith("past.csv#INC-1")
    assert first.metadata["services"] == "search, geo"
    assert "Search took\nseconds." in first.text
    assert second.metadata["held"] == "false"
    assert loaded.problems == ()


def test_json_lines_with_broken_lines(tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": "a", "title": "A", "text": "## Fix\nrepair"}),
        "{not json",
        json.dumps(["no", "record"]),
        "",
        json.dumps({"id": "a", "title": "again", "text": "b"}),
        json.dumps({"title": "C", "body": "c", "kind": "runbook"}),
    ]
    loaded = load(written(tmp_path, "x.jsonl", "\n".join(lines)))
    assert [document.title for document in loaded.documents] == ["A", "C"]
    assert [place for place, _ in loaded.problems] == ["2", "3", "5"]
    assert loaded.documents[1].path.endswith("x.jsonl#6")


def test_json_object_and_list(tmp_path: Path) -> None:
    one = load(written(tmp_path, "one.json", '{"title": "A", "text": "body\\u0000\\ud800"}'))
    assert one.documents[0].path.endswith("one.json")
    assert "\x00" not in one.documents[0].text
    one.documents[0].text.encode()
    many = load(written(tmp_path, "many.json", '{"incidents": [{"title": "A", "cause": "c"}]}'))
    assert "## Cause\n\nc" in many.documents[0].text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", b"", "empty"),
        ("a.md", b"   \n", "empty"),
        ("a.md", b"---\ntitle: x\n---\n", "no text"),
        ("a.md", b"\x7fELF\x00\x00binary", "binary"),
        ("a.md", b"caf\xe9 au lait", "not UTF-8"),
        ("a.png", b"x", "not a supported type"),
        ("a.md", b"---\ntitle: [unclosed\n---\nbody", "not valid YAML"),
        ("a.md", b"---\na: &x [1]\nb: [*x, *x]\n---\nbody", "aliases"),
        ("a.md", b"---\ndate: 2026-13-45\n---\nbody", "not valid YAML"),
        ("a.md", b"---\n- a\n- b\n---\nbody", "name: value"),
        ("a.md", b"---\nkind: poem\n---\nbody", "unknown kind"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.json", b"3", "neither an object nor a list"),
        ("a.csv", b"just one line", "CSV without rows"),
        ("a.html", b"<script>x</script>", "no text"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        load(written(tmp_path, name, content))


def test_a_pipe_does_not_hang_and_a_vanished_file_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    with pytest.raises(UnreadableFile, match="not a regular file"):
        load(tmp_path / "pipe.md")
    with pytest.raises(UnreadableFile, match="no such file"):
        load(tmp_path / "gone.md")
