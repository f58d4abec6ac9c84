"""A streaming template miner in the manner of Drain.

Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017) masks what
varies by its looks, keeps lines of equal length together, and turns a position at which similar lines
differ into a wildcard. Here a position becomes a wildcard only when enough different words were seen
in it while everything else was equal: "proxy accepted" and "proxy refused" stay two templates, while
the names of forty users become one. A template once found keeps its lines; it never depends on how the
stream was cut into pieces.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from retrieval.logs.fields import WILD
from retrieval.logs.masking import Masker, shape

Key = tuple[str, ...]

_MAX_SHAPES = 50_000
_MAX_FAMILIES = 60_000
_NOUNS = frozenset(
    [
        "client",
        "container",
        "database",
        "host",
        "job",
        "node",
        "pod",
        "queue",
        "service",
        "table",
        "tenant",
        "topic",
        "user",
        "username",
        "volume",
    ]
)
"""Words after which a name comes."""

STATE = 1
"""Version of the saved state."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template: its words with `<*>` for what varies, and how many lines it has had."""

    id: int
    words: Key
    count: int
    example: str

    @property
    def text(self) -> str:
        """The template as one line."""
        return " ".join(self.words)


@dataclass(slots=True)
class _Cluster:
    id: int
    key: Key
    example: str
    count: int = 0


class Miner:
    """Learns templates from a stream of lines, in bounded memory.

    `max_templates` are kept; beyond that the one that was not seen for longest is dropped, and its
    lines count as `other`.
    """

    def __init__(self, max_templates: int = 8192) -> None:
        self._max = max_templates
        self._masker = Masker()
        self._shapes: dict[bytes, int] = {}
        self._clusters: OrderedDict[int, _Cluster] = OrderedDict()
        self._ids: dict[Key, int] = {}
        self._patterns: dict[int, dict[tuple[int, ...], int]] = {}
        self._families: OrderedDict[tuple[int, Key], dict[str, Key]] = OrderedDict()
        self._merged: dict[int, int] = {}
        self._next = 1
        self.other = 0
        """Lines of templates that were dropped."""

    def add(self, line: str) -> int:
        """Count a line; return the id of its template as it is known now (see `resolve`)."""
        known = shape(line)
        found = self._shapes.get(known)
        if found is not None:
            cluster = self._clusters.get(found)
            if cluster is not None:
                cluster.count += 1
                self._clusters.move_to_end(found)
                return found
        cluster = self._place(self._masker.key(line), line)
        cluster.count += 1
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        self._shapes[known] = cluster.id
        return cluster.id

    def resolve(self, id: int) -> int:
        """Return the id of the template into which a template was merged since, or the same."""
        while id in self._merged:
            id = self._merged[id]
        return id

    def template(self, id: int) -> Template | None:
        """Return a template by an id that `add` returned; None when it was dropped."""
        cluster = self._clusters.get(self.resolve(id))
        if cluster is None:
            return None
        return Template(cluster.id, cluster.key, cluster.count, cluster.example)

    def __iter__(self) -> Iterator[Template]:
        """All templates, oldest first."""
        for cluster in sorted(self._clusters.values(), key=lambda each: each.id):
            yield Template(cluster.id, cluster.key, cluster.count, cluster.example)

    def __len__(self) -> int:
        return len(self._clusters)

    def state(self) -> dict[str, Any]:
        """Return everything that was learned, as JSON values."""
        return {
            "version": STATE,
            "next": self._next,
            "other": self.other,
            "templates": [
                [each.id, list(each.key), each.count, each.example]
                for each in self._clusters.values()
            ],
            "merged": [[old, new] for old, new in self._merged.items()],
            "patterns": [
                [length, [list(holes) for holes in known]]
                for length, known in self._patterns.items()
            ],
            "ids": [[list(key), id] for key, id in self._ids.items()],
            "families": [
                [index, list(key), list(members)]
                for (index, key), members in self._families.items()
            ],
        }

    @classmethod
    def restore(cls, state: dict[str, Any], max_templates: int = 8192) -> Miner:
        """Go on from a saved state. Raises `ValueError` for a state that is not one."""
        if not isinstance(state, dict) or state.get("version") != STATE:
            raise ValueError("not a saved state of this template miner")
        miner = cls(max_templates)
        try:
            miner._next, miner.other = int(state["next"]), int(state["other"])
            for id, key, count, example in state["templates"]:
                miner._clusters[int(id)] = _Cluster(int(id), tuple(key), str(example), int(count))
            miner._merged = {int(old): int(new) for old, new in state["merged"]}
            for length, known in state["patterns"]:
                miner._patterns[int(length)] = {tuple(holes): 1 for holes in known}
            miner._ids = {tuple(key): int(id) for key, id in state["ids"]}
            for index, key, members in state["families"]:
                parts = tuple(key)
                miner._families[int(index), parts] = {
                    word: (*parts[:index], word, *parts[index + 1 :]) for word in members
                }
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a saved state of this template miner: {error}") from error
        return miner

    def _place(self, key: Key, line: str) -> _Cluster:
        id = self._ids.get(key)
        if id is None:
            id = self._general(key)
        if id is not None:
            cluster = self._clusters[self.resolve(id)]
            self._clusters.move_to_end(cluster.id)
            return cluster
        return self._new(key, line)

    def _general(self, key: Key) -> int | None:
        """Find a template with learned wildcards that fits."""
        for holes in self._patterns.get(len(key), ()):
            wide = list(key)
            for hole in holes:
                wide[hole] = WILD
            id = self._ids.get(tuple(wide))
            if id is not None:
                return id
        return None

    def _new(self, key: Key, line: str) -> _Cluster:
        cluster = _Cluster(self._next, key, line[:500])
        self._next += 1
        self._clusters[cluster.id] = cluster
        self._ids[key] = cluster.id
        if len(self._clusters) > self._max:
            self._drop()
        return self._clusters[self.resolve(self._relate(cluster).id)]

    def _relate(self, cluster: _Cluster) -> _Cluster:
        """Enter a template into its families: templates that differ from it in one position."""
        key = cluster.key
        if len(key) < 3:
            return cluster
        for index, word in enumerate(key):
            if word == WILD:
                continue
            hole = (*key[:index], WILD, *key[index + 1 :])
            family = self._families.get((index, hole))
            if family is None:
                if len(self._families) >= _MAX_FAMILIES:
                    self._families.popitem(last=False)
                family = self._families[index, hole] = {}
            family[word] = key
            # Two at least, whatever they are: most families have one member for ever.
            if len(family) > 1 and len(family) >= _enough(hole, index, family):
                return self._generalise(index, hole)
        return cluster

    def _generalise(self, index: int, hole: Key) -> _Cluster:
        """Merge a family into one template with a wildcard in place of what differs."""
        members = self._families.pop((index, hole))
        known = self._ids.get(hole)
        if known is None or self.resolve(known) not in self._clusters:
            known = self._next
            self._next += 1
            self._clusters[known] = _Cluster(known, hole, "")
            self._ids[hole] = known
        wide = self._clusters[self.resolve(known)]
        for key in members.values():
            id = self._ids.get(key)
            old = self._clusters.get(self.resolve(id)) if id is not None else None
            if old is None or old is wide:
                continue
            wide.count += old.count
            wide.example = wide.example or old.example
            del self._clusters[old.id]
            self._merged[old.id] = wide.id
        holes = tuple(place for place, word in enumerate(hole) if word == WILD)
        self._patterns.setdefault(len(hole), {})[holes] = 1
        return self._relate(wide)

    def _drop(self) -> None:
        id, cluster = self._clusters.popitem(last=False)
        self.other += cluster.count
        if self._ids.get(cluster.key) == id:
            del self._ids[cluster.key]


def _enough(hole: Key, index: int, family: dict[str, Key]) -> int:
    """How many different words in one place make it a variable."""
    constants = sum(1 for word in hole if word != WILD)
    if constants < 2:
        return 1 << 30
    if index == 0:
        return 12 if constants < 4 else 8
    if constants >= 3 and all(_looks_like_a_name(word) for word in family):
        return 2
    if hole[index - 1].lower() in _NOUNS:
        return 2
    return 4 if constants >= 3 else 6


def _looks_like_a_name(word: str) -> bool:
    """Whether a word looks like an identifier rather than a word of a sentence."""
    bare = word.strip("\"'()[]{},;:.<>")
    if not bare or bare.isdigit():
        return True
    inner = bare[1:]
    camel = any(c.isupper() for c in inner) and any(c.islower() for c in bare)
    return camel or any(c in "._-/@$" for c in inner) or WILD in word
