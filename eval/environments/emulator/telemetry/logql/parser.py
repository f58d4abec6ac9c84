"""From a LogQL query's text to what it says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast, get_args

from eval.environments.emulator.telemetry.logql import ast
from eval.environments.emulator.telemetry.logql.errors import ParseError
from eval.environments.emulator.telemetry.logql.lexer import KEYWORDS, Word, words
from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp, compile_re2

_RANGES = get_args(ast.RangeFunction)
_VECTORS = get_args(ast.VectorFunction)
_COMPARED = ("=", "!=", "=~", "!~", "==", ">", ">=", "<", "<=")
_LINES = get_args(ast.LineOp)
_MAX_LENGTH = 5120
_MAX_DEPTH = 50


@lru_cache(maxsize=256)
def parse(text: str) -> ast.Query:
    """Parse a query. Raises `ParseError`."""
    parser = _parser(text)
    found = parser.query()
    parser.take("$end")
    return found


@lru_cache(maxsize=256)
def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Parse a stream selector alone. Raises `ParseError`."""
    parser = _parser(text)
    found = parser.selector()
    parser.take("$end")
    return found


def _parser(text: str) -> _Parser:
    if len(text) > _MAX_LENGTH:
        raise ParseError(f"input size too long ({len(text)} > {_MAX_LENGTH})")
    return _Parser(words(text))


class _Parser:
    def __init__(self, found: Sequence[Word]) -> None:
        self._words = found
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> Word:
        return self._words[self._at]

    def _refuse(self, *expected: str) -> ParseError:
        word = self._next
        wanted = f", expecting {' or '.join(expected)}" if expected else ""
        text = f"syntax error: unexpected {word.kind}{wanted}"
        return ParseError(text, word.line, word.column)

    def _peek(self, *kinds: str) -> bool:
        return self._next.kind in kinds

    def _accept(self, *kinds: str) -> Word | None:
        word = self._next
        if word.kind not in kinds:
            return None
        self._at += 1
        return word

    def take(self, *kinds: str) -> Word:
        """Take the next word, which must be of one of the kinds."""
        word = self._accept(*kinds)
        if word is None:
            # Loki names what it expected only where that is a short list
            raise self._refuse(*(kinds if len(kinds) <= 4 and "$end" not in kinds else ()))
        return word

    def query(self) -> ast.Query:
        """Read a whole query."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ParseError("the query is nested too deeply", self._next.line, self._next.column)
        if self._peek("{"):
            return self._logs()
        if self._accept("("):
            inner = self.query()
            self.take(")")
            return inner
        if self._peek(*_RANGES):
            return self._range()
        if self._peek(*_VECTORS):
            return self._vector()
        raise self._refuse()

    def selector(self) -> tuple[Matcher, ...]:
        """Read `{…}`."""
        self.take("{")
        found: list[Matcher] = []
        while not self._peek("}"):
            name = self._name("IDENTIFIER", "}") if not found else self._name("IDENTIFIER")
            op = self.take("=", "!=", "=~", "!~")
            found.append(self._matcher(name, op, self.take("STRING")))
            if not self._accept(","):
                break
        self.take("}", ",")
        if not any(_selective(matcher) for matcher in found):
            raise ParseError(
                "queries require at least one regexp or equality matcher that does not have an "
                'empty-compatible value. For instance, app=~".*" does not meet this requirement, '
                'but app=~".+" will'
            )
        return tuple(found)

    def _name(self, *expected: str) -> str:
        # keywords may be labels too
        word = self._accept("IDENTIFIER", *KEYWORDS)
        if word is None:
            raise self._refuse(*expected)
        return word.text

    def _matcher(self, name: str, op: Word, value: Word) -> Matcher:
        matcher = Matcher(name, MatchOp("=" if op.kind == "==" else op.kind), value.text)
        try:
            matcher.matches("")
        except ValueError as error:
            raise ParseError(str(error), value.line, value.column) from error
        return matcher

    def _logs(self) -> ast.LogQuery:
        matchers = self.selector()
        return ast.LogQuery(matchers, self._stages())

    def _stages(self) -> tuple[ast.Stage, ...]:
        stages: list[ast.Stage] = []
        while True:
            word = self._accept(*_LINES)
            if word is not None:
                stages.append(self._line_filter(word))
            elif self._accept("|"):
                stages.append(self._stage())
            else:
                return tuple(stages)

    def _line_filter(self, op: Word) -> ast.LineFilter:
        text = self.take("STRING")
        if op.kind in ("|~", "!~"):
            try:
                compile_re2(text.text)
            except ValueError as error:
                raise ParseError(str(error), text.line, text.column) from error
        return ast.LineFilter(cast("ast.LineOp", op.kind), text.text)

    def _stage(self) -> ast.Stage:
        if self._peek("json", "logfmt") and not self._compared():
            return ast.Parse("json" if self.take("json", "logfmt").kind == "json" else "logfmt")
        return self._any()

    def _compared(self) -> bool:
        return self._words[min(self._at + 1, len(self._words) - 1)].kind in _COMPARED

    def _any(self) -> ast.Condition:
        parts = [self._all()]
        while self._accept("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else ast.Either(tuple(parts), every=False)

    def _all(self) -> ast.Condition:
        parts = [self._condition()]
        while self._accept("and", ","):
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else ast.Either(tuple(parts), every=True)

    def _condition(self) -> ast.Condition:
        if self._accept("("):
            inner = self._any()
            self.take(")")
            return inner
        if self._peek("IDENTIFIER") and not self._compared():
            # a stage that is not emulated, such as line_format, reads like a label alone
            raise self._refuse()
        name = self._name()
        op = self.take(*_COMPARED)
        if op.kind in ("=", "!=", "=~", "!~") and self._peek("STRING"):
            return ast.LabelMatch(self._matcher(name, op, self.take("STRING")))
        if op.kind in ("=~", "!~"):
            raise self._refuse("STRING")
        value = self.take("BYTES", "NUMBER", "DURATION")
        unit = cast(
            "ast.Unit", {"BYTES": "bytes", "DURATION": "duration"}.get(value.kind, "number")
        )
        compare = "==" if op.kind == "=" else op.kind
        return ast.LabelNumber(name, cast("ast.Compare", compare), value.value, unit)

    def _range(self) -> ast.RangeAggregation:
        function = self.take(*_RANGES).kind
        self.take("(")
        wrapped = self._accept("(") is not None
        matchers = self.selector()
        before = self._accept("RANGE")
        stages = self._stages()
        if wrapped:
            self.take(")")
        window = before or self.take("RANGE")
        offset = self.take("DURATION").value if self._accept("offset") else 0.0
        self.take(")")
        logs = ast.LogQuery(matchers, stages)
        return ast.RangeAggregation(cast("ast.RangeFunction", function), logs, window.value, offset)

    def _vector(self) -> ast.VectorAggregation:
        word = self.take(*_VECTORS)
        grouping = self._grouping()
        self.take("(")
        count = 0
        if word.kind in ("topk", "bottomk"):
            count = int(self.take("NUMBER").value)
            if count < 1:
                text = f"invalid parameter (must be greater than 0) {word.kind}({count}"
                raise ParseError(text)
            self.take(",")
        of = self.query()
        if isinstance(of, ast.LogQuery):
            raise self._refuse()
        self.take(")")
        grouping = grouping or self._grouping()
        return ast.VectorAggregation(cast("ast.VectorFunction", word.kind), of, grouping, count)

    def _grouping(self) -> ast.Grouping | None:
        word = self._accept("by", "without")
        if word is None:
            return None
        self.take("(")
        names: list[str] = []
        while not self._peek(")"):
            names.append(self._name("IDENTIFIER"))
            if not self._accept(","):
                break
        self.take(")")
        return ast.Grouping(tuple(names), word.kind == "without")


def _selective(matcher: Matcher) -> bool:
    return not matcher.matches("")
