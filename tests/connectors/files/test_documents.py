"""Folders and git repositories as sources of documents, and the mirror that is indexed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.errors import ConnectorError, SourceMissing, SourceUnreachable
from connectors.api.mirror import Mirrored, mirror
from connectors.api.values import Documents, RemoteDocument
from connectors.files import FolderDocuments, FolderSettings, GitDocuments, GitSettings
from connectors.files.reading import pdf_text


def pdf(*pages: str) -> bytes:
    """Write a small PDF by hand: one text per page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        stream = f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET"
        bodies.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(data)
    data += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    return (
        data
        + f"trailer << /Size {len(bodies) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    )


def fill(folder: Path) -> None:
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# Restart\n\nRestart it.")
    (folder / "sub" / "b.html").write_text("<h1>Scale</h1>")
    (folder / "sub" / "past.csv").write_text("title,cause\nx,y\n")
    (folder / "c-d.pdf").write_bytes(pdf("Drain the node", "Then uncordon it"))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "binary.txt").write_bytes(b"a\x00b")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.md").write_text("secret")


async def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    fill(folder)
    (tmp_path / "outside.md").write_text("not yours")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    source = FolderDocuments(FolderSettings(folder))
    found = await source.documents()
    texts = {one.path: one for one in found.documents}
    assert set(texts) == {"a.md", "sub/b.html", "sub/past.csv", "c-d.pdf.md"}
    assert (
        texts["c-d.pdf.md"].content
        == "## Page 1\n\nDrain the node\n\n## Page 2\n\nThen uncordon it"
    )
    assert texts["c-d.pdf.md"].metadata == {"title": "c d"}
    reasons = dict(found.skipped)
    assert set(reasons) == {"broken.pdf", "binary.txt", "link.md"}
    assert reasons["binary.txt"] == "binary, not text"
    [row] = await source.check()
    assert row.ok
    gone = FolderDocuments(FolderSettings(tmp_path / "none"))
    [row] = await gone.check()
    assert not row.ok
    with pytest.raises(ConnectorError, match="does not exist"):
        await gone.documents()


def test_pdfs_that_hold_no_text() -> None:
    assert pdf_text(pdf("one page")) == "one page"
    for data, why in ((pdf(""), "no text"), (b"", "cannot be read"), (b"hello", "cannot be read")):
        with pytest.raises(ValueError, match=why):
            pdf_text(data)


def git(folder: Path, *words: str) -> None:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    fill(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".hidden" / "hook").write_text("#!/bin/sh\ntouch ran\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


@pytest.mark.parametrize("by_url", [True, False])
async def test_a_repository_is_kept_up_to_date(
    repository: Path, tmp_path: Path, by_url: bool
) -> None:
    place = repository.as_uri() if by_url else str(repository)
    source = GitDocuments(GitSettings(place, tmp_path / "copy", branch="main"))
    found = await source.documents()
    assert {one.path for one in found.documents} == {
        "a.md",
        "sub/b.html",
        "sub/past.csv",
        "c-d.pdf.md",
    }
    git(repository, "rm", "--quiet", "a.md")
    (repository / "new.md").write_text("new")
    git(repository, "add", "new.md")
    git(repository, "commit", "--quiet", "--amend", "-m", "another history")
    found = await source.documents()
    assert {one.path for one in found.documents} == {
        "new.md",
        "sub/b.html",
        "sub/past.csv",
        "c-d.pdf.md",
    }
    [row] = await source.check()
    assert row.ok
    only = GitDocuments(GitSettings(place, tmp_path / "copy", subfolder="sub", kind="incident"))
    documents = (await only.documents()).documents
    assert {(one.path, one.kind) for one in documents} == {
        ("b.html", "incident"),
        ("past.csv", "incident"),
    }


async def test_repositories_that_are_not_there(repository: Path, tmp_path: Path) -> None:
    source = GitDocuments(GitSettings(str(repository), tmp_path / "copy", branch="none"))
    with pytest.raises(SourceMissing):
        await source.documents()
    [row] = await source.check()
    assert (row.ok, row.repair) == (False, "correct the URL or the branch")
    nowhere = GitSettings("http://127.0.0.1:9/x.git", tmp_path / "other", token="t0ken")
    with pytest.raises(SourceUnreachable) as caught:
        await GitDocuments(nowhere).documents()
    assert "t0ken" not in str(caught.value)
    assert "t0ken" not in (tmp_path / "other" / ".git" / "config").read_text()


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("https://me:pw@example.com/x.git", {}, "holds a password"),
        ("--upload-pack=touch x", {}, "neither a URL"),
        ("ext::sh -c touch", {}, "neither a URL"),
        ("https://example.com/x.git", {"branch": "--force"}, "dash"),
        ("https://example.com/x.git", {"subfolder": "../.."}, "inside the repository"),
        ("https://example.com/x.git", {"subfolder": "/etc"}, "inside the repository"),
    ],
)
def test_bad_repositories_are_refused(url: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GitSettings(url, Path("copy"), **options)  # type: ignore[arg-type]


def test_the_mirror_changes_only_what_changed(tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    meta = {"title": 'A "title": with\nlines', "Fix held": "yes"}
    one = RemoteDocument("a.md", "text", "incident", meta)
    two = RemoteDocument("sub/b.html", "<p>x</p>", metadata={"title": "left out"})
    assert mirror(Documents((one, two)), folder) == Mirrored(2, 0, 0)
    assert (folder / "incidents" / "a.md").read_text() == (
        '---\ntitle: "A \\"title\\": with\\nlines"\nfix_held: "yes"\n---\n\ntext'
    )
    assert (folder / "runbooks" / "sub" / "b.html").read_text() == "<p>x</p>"
    before = (folder / "incidents" / "a.md").stat().st_mtime_ns
    assert mirror(Documents((one,)), folder) == Mirrored(0, 1, 1)
    assert (folder / "incidents" / "a.md").stat().st_mtime_ns == before


@given(path=st.text(max_size=60))
def test_no_path_leads_out_of_the_mirror(path: str) -> None:
    from connectors.api.mirror import _place

    root = Path("/mirror")
    place = _place(root, RemoteDocument(path, "x"))
    assert place.is_relative_to(root / "runbooks")
    assert place != root / "runbooks"
    assert not any(part in ("..", ".") or part.startswith(".") for part in place.parts[1:])
