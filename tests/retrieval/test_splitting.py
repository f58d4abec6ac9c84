from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.documents import Chunk, View
from retrieval.ingestion.splitting import MAX_CODE_WORDS, MAX_WORDS, sections, split


def section_chunks(text: str, title: str = "T", glance: str = "") -> list[Chunk]:
    return [chunk for chunk in split("d", title, glance, text) if chunk.view is View.SECTION]


def test_sections_carry_their_title_path() -> None:
    look, read, repair = (f"{word} " * 60 + "end" for word in ("look", "read", "repair"))
    text = f"# T\nintro\n## Check\n{look}\n### Logs\n{read}\n## Fix\n{repair}\n"
    found = [(chunk.section, chunk.text) for chunk in section_chunks(text)]
    assert found == [("", "intro"), ("Check", look), ("Check > Logs", read), ("Fix", repair)]
    assert section_chunks(text)[2].input == f"T > Check > Logs\n{read}"


def test_small_neighbours_are_one_passage() -> None:
    text = "## Verify\nlook again\n## Escalate\ncall them\n### Deeper\nnot a neighbour\n"
    found = [(chunk.section, chunk.text) for chunk in section_chunks(text)]
    assert found[0] == ("Verify, Escalate", "look again\n\nEscalate:\ncall them")
    assert found[1] == ("Escalate > Deeper", "not a neighbour")


def test_the_whole_and_the_front_matter_are_passages() -> None:
    chunks = split("d", "T", "Alerts: KubePodCrashLooping", "# T\n## Fix\nrepair")
    assert chunks[0].view is View.WHOLE
    assert "KubePodCrashLooping" in chunks[0].input
    assert chunks[1].section == "At a glance"


def test_a_heading_in_a_code_block_is_code_and_the_block_stays_whole() -> None:
    code = "```sh\n# not a heading\n\nkubectl get pods\n```"
    (chunk,) = section_chunks(f"## Check\n\nRun this:\n\n{code}\n")
    assert code in chunk.text
    assert chunk.section == "Check"


def test_long_sections_become_windows_between_paragraphs() -> None:
    paragraph = "word " * 79 + "end."
    found = section_chunks("## S\n\n" + "\n\n".join([paragraph] * 6))
    assert [len(chunk.text.split()) for chunk in found] == [160, 160, 160]
    assert len({chunk.id for chunk in found}) == 3


def test_oversized_blocks_are_cut_and_code_stays_fenced() -> None:
    code = "```\n" + "\n".join(f"line {n} of output" for n in range(400)) + "\n```"
    for chunk in section_chunks(f"## S\n\n{code}"):
        assert chunk.text.startswith("```") and chunk.text.endswith("```")
        assert len(chunk.text.split()) <= MAX_CODE_WORDS
    for chunk in section_chunks("word " * 3000):
        assert len(chunk.text.split()) <= MAX_WORDS


def test_underlined_headings_and_tables() -> None:
    text = "Title\n=====\n\nintro\n\nPart\n----\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    assert [(s.path, "|---|---|" in s.lines) for s in sections(text)] == [
        (("Title",), False),
        (("Title", "Part"), True),
    ]


def test_a_document_of_headings_only_is_still_found() -> None:
    assert section_chunks("## One\n\n## Two\n")[0].text == "## One\n\n## Two"


def test_a_new_section_leaves_the_ids_of_the_others_alone() -> None:
    one, two, new = (f"## {word}\n" + f"{word} " * 100 + "\n" for word in ("A", "B", "New"))
    before = {chunk.id for chunk in section_chunks(one + two)}
    after = {chunk.id for chunk in section_chunks(new + one + two)}
    assert before < after


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# one", "## two", "text here", "", "```", "~~~", "- item", "===", "---", "w " * 300]
        ),
        max_size=30,
    )
)
def test_no_word_is_lost_and_ids_are_unique(lines: list[str]) -> None:
    text = "\n".join(lines)
    chunks = split("d", "T", "", text)
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert [chunk.view for chunk in chunks][:2] == [View.WHOLE, View.SECTION]
    shown = " ".join(f"{chunk.section} {chunk.text}" for chunk in chunks[1:])
    assert shown.split().count("w") == text.split().count("w")
    if "- item" in lines:
        assert "- item" in shown
