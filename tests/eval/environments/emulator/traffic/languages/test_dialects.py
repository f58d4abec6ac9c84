"""Every dialect has words for every failure, in the form of its language's own clients."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.apps.model import Engine, Language, Level, Port, Service
from eval.environments.emulator.traffic.failures import NO_USER, Failure, Kind
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.grpc import numbered, parsed, wire
from eval.environments.emulator.traffic.languages.mongod import login_lines
from eval.environments.emulator.traffic.processes import Process

AT = datetime(2026, 3, 2, 8, 0, 1, 234567, tzinfo=UTC)
KINDS: tuple[Kind, ...] = get_args(Kind)
ENGINES = ("", *get_args(Engine))
DETAILS = {
    "answered": "rpc error: code = Unavailable desc = gone",
    "denied": "find",
    "no_socket": "cannot assign requested address",
    "bad_certificate": "certificate has expired",
}


def _process(language: Language) -> Process:
    program = Service("web", "web:1", language=language, ports=(Port(8080),))
    pod = {"metadata": {"name": "web-1", "uid": "u1"}, "status": {"podIP": "10.244.1.9"}}
    return Process(program, pod, "web", AT, AT)


def _failure(kind: str, engine: str = "") -> Failure:
    detail = DETAILS.get(kind, "")
    return Failure(
        cast(Kind, kind), "cart", 7070, "10.96.1.2", detail=detail, engine=engine, database="shop", user="app"
    )  # fmt: skip


def test_every_language_has_a_dialect() -> None:
    assert set(DIALECTS) == set(get_args(Language))


@pytest.mark.parametrize("language", DIALECTS)
def test_every_failure_has_words(language: Language) -> None:
    dialect, process = DIALECTS[language], _process(language)
    for kind in KINDS:
        for engine in ENGINES:
            failure = _failure(kind, engine)
            error, answer = dialect.error(failure), dialect.answer(failure)
            assert error.strip()
            assert answer.strip()
            assert "\n" not in answer
            for text in (error, answer, *dialect.client_lines(process, AT, failure, "GET /cart")):
                assert not re.search(
                    r"\{(service|port|address|detail|database|user|socket)\}", text
                )


@pytest.mark.parametrize("language", DIALECTS)
def test_failures_that_differ_are_told_apart(language: Language) -> None:
    dialect = DIALECTS[language]
    kinds = ("no_such_host", "refused", "timeout", "answered")
    assert len({dialect.error(_failure(kind)) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("language", DIALECTS)
@given(
    kind=st.from_regex(r"[a-z]{3,9}_[a-z]{3,9}", fullmatch=True).filter(lambda k: k not in KINDS)
)
def test_an_unheard_of_failure_is_named(language: Language, kind: str) -> None:
    text = DIALECTS[language].error(_failure(kind))
    assert kind.replace("_", " ") in text


@pytest.mark.parametrize("language", DIALECTS)
@pytest.mark.parametrize("level", get_args(Level))
def test_lines_hold_their_text(language: Language, level: Level) -> None:
    for place in ("", "cart.go:42"):
        lines = {
            DIALECTS[language].line(_process(language), AT, level, place, "no such book", "GET /x")
            for _ in range(2)
        }
        assert len(lines) == 1
        assert "no such book" in lines.pop()


@pytest.mark.parametrize(
    ("language", "engine", "kind", "says"),
    [
        ("go", "", "no_such_host", "dial tcp: lookup cart on 10.96.0.10:53: no such host"),
        ("go", "", "dns_failure", "dial tcp: lookup cart on 10.96.0.10:53: server misbehaving"),
        ("go", "mongodb", "refused", "no reachable servers"),
        ("go-json", "", "refused", 'desc = "transport: Error while dialing: dial tcp 10.96.1.2:7070: connect: connection refused"'),
        ("go-json", "postgresql", "unauthenticated", 'pq: password authentication failed for user "app"'),
        ("cpp", "redis", "refused", "Failed to connect to Redis: Connection refused"),
        ("spring", "", "unreachable", "java.net.ConnectException: Connection timed out"),
        ("spring", "mongodb", "denied", "error 13 (Unauthorized): 'not authorized on shop to execute command find'"),
        ("python", "", "refused", "Failed to connect to remote host: connect: Connection refused (111)"),
        ("python", "redis", "unreachable", "Error 110 connecting to cart:7070. Connection timed out."),
        ("nodejs", "", "refused", "14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 10.96.1.2:7070"),
        ("nodejs", "", "answered", "14 UNAVAILABLE: gone"),
        ("dotnet", "", "answered", 'Status(StatusCode="Unavailable", Detail="gone")'),
        ("dotnet", "redis", "refused", "UnableToConnect on cart:7070/Interactive"),
        ("rust", "", "refused", "tcp connect error: Connection refused (os error 111)"),
        ("ruby", "", "dns_failure", "getaddrinfo: Temporary failure in name resolution"),
        ("php", "", "no_such_host", "cURL error 6: Could not resolve host: cart"),
        ("nginx", "", "timeout", "upstream timed out (110: Operation timed out)"),
        ("envoy", "", "refused", "reset reason: remote connection failure"),
    ],
)  # fmt: skip
def test_errors_read_as_the_real_clients_write_them(
    language: Language, engine: str, kind: str, says: str
) -> None:
    assert says in DIALECTS[language].error(_failure(kind, engine))


@pytest.mark.parametrize(
    ("language", "place", "shape"),
    [
        ("spring", "o.s.OrderServiceImpl#42", r"08:00:01\.234 ERROR o\.s\.OrderServiceImpl#42 TraceID: [0-9a-f]{32} SpanID: [0-9a-f]{16} x"),
        ("java", "oteldemo.AdService", r"2026-03-02 08:00:01 - oteldemo\.AdService - x trace_id=[0-9a-f]{32} .*"),
        ("python", "server.py:1", r"2026-03-02 08:00:01,234 ERROR \[main\] \[server\.py:1\] \[trace_id=.*\] - x"),
        ("dotnet", "Cart", r"fail: Cart\[0\]\n      x"),
        ("rust", "shipping::quote", r"2026-03-02T08:00:01\.234567Z ERROR shipping::quote: x"),
        ("ruby", "sinatra", r"E, \[2026-03-02T08:00:01\.234567 #1\] ERROR -- sinatra: x"),
        ("php", "app", r"\[2026-03-02T08:00:01\.234567\+00:00\] app\.ERROR: x \[\] \[\]"),
        ("postgresql", "77", r"2026-03-02 08:00:01\.234 UTC \[77\] ERROR:  x"),
        ("mysql", "MY-1", r"2026-03-02T08:00:01\.234567Z 0 \[ERROR\] \[MY-1\] \[Server\] x"),
        ("kafka", "kafka.Log", r"\[2026-03-02 08:00:01,234\] ERROR x \(kafka\.Log\)"),
        ("rabbitmq", "0.9.0", r"2026-03-02 08:00:01\.234567\+00:00 \[error\] <0\.9\.0> x"),
        ("envoy", "upstream/x", r"\[2026-03-02 08:00:01\.234\]\[1\]\[error\]\[upstream\] \[upstream/x\] x"),
        ("nginx", "main", r"2026/03/02 08:00:01 \[error\] 7#7: main: x"),
    ],
)  # fmt: skip
def test_lines_have_the_layout_of_their_logging_library(
    language: Language, place: str, shape: str
) -> None:
    line = DIALECTS[language].line(_process(language), AT, "error", place, "x", "")
    assert re.fullmatch(shape, line)


@pytest.mark.parametrize("language", ["go-json", "nodejs"])
def test_json_loggers_write_json(language: Language) -> None:
    line = DIALECTS[language].line(_process(language), AT, "warning", "web", 'a "quoted" text', "")
    entry: dict[str, Any] = json.loads(line)
    assert 'a "quoted" text' in entry.values()


@pytest.mark.parametrize(
    ("kind", "status", "flag"),
    [("refused", 503, "UF"), ("no_such_host", 503, "UH"), ("timeout", 504, "UT"), ("answered", 500, "-")],
)  # fmt: skip
def test_envoy_notes_a_failed_request_with_its_response_flag(
    kind: str, status: int, flag: str
) -> None:
    lines = DIALECTS["envoy"].client_lines(_process("envoy"), AT, _failure(kind), "POST /api/cart")
    assert len(lines) == 1
    assert f'"POST /api/cart HTTP/1.1" {status} {flag} ' in lines[0]


@pytest.mark.parametrize("language", ["postgresql", "mysql", "kafka", "rabbitmq"])
def test_stores_note_a_refused_login(language: Language) -> None:
    server, client = _process(language), _process("go")
    failure = _failure("unauthenticated", "postgresql")
    lines = DIALECTS[language].refused_lines(server, client, AT, "app", failure)
    assert "app" in lines[0] or "10.244.1.9" in lines[0]
    assert not any("not exist" in line for line in lines)


def test_a_store_tells_an_unknown_user_from_a_wrong_password_in_its_own_log_alone() -> None:
    server, client = _process("postgresql"), _process("go")
    wrong = _failure("unauthenticated", "postgresql")
    missing = replace(wrong, detail=NO_USER)
    said = DIALECTS["postgresql"].refused_lines(server, client, AT, "app", missing)
    assert said[0].endswith('FATAL:  password authentication failed for user "app"')
    assert said[1].endswith('DETAIL:  Role "app" does not exist.')
    told = [DIALECTS["go-json"].error(failure) for failure in (wrong, missing)]
    assert told[0] == told[1]
    logged = [login_lines(server, client, AT, "app", failure)[-1] for failure in (wrong, missing)]
    assert "storedKey mismatch" in logged[0]
    assert "UserNotFound" in logged[1]


def test_statuses_travel_unchanged_between_languages() -> None:
    text = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
    assert wire(numbered(text)) == text
    assert parsed("FAILED_PRECONDITION: no") == ("FailedPrecondition", "no")
    assert parsed("failed: Status{code=UNAVAILABLE, description=null, cause=null}") == (
        "Unavailable",
        "",
    )
    assert parsed('x Status(StatusCode="Internal", Detail="no (1)")') == ("Internal", "no (1)")
    assert parsed("some text: more") == ("Unknown", "some text: more")
