"""Message queues: what is published to topics, and what the consumer groups have not taken yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from eval.apps.model import App
from eval.apps.stores_api import StoreRefused

QueueKey = tuple[str, str, str]
"""Broker, topic, consumer group."""


@dataclass(slots=True)
class Group:
    """One consumer group on one topic. `blocked`: a message that it cannot parse is next."""

    behind: int = 0
    taken: int = 0
    blocked: bool = False
    owed: float = 0.0


@dataclass(slots=True)
class Topic:
    """One topic: how many messages it has taken, and its groups."""

    published: int = 0
    groups: dict[str, Group] = field(default_factory=dict)


class Queues:
    """The topics of all brokers."""

    def __init__(self, app: App) -> None:
        self._topics: dict[tuple[str, str], Topic] = {}
        for service in app.services.values():
            for consumer in service.consumes:
                topic = self._topics.setdefault((consumer.broker, consumer.topic), Topic())
                topic.groups.setdefault(consumer.group or service.name, Group())
            for call in service.calls():
                if call.topic:
                    self._topics.setdefault((call.to, call.topic), Topic())

    def publish(self, broker: str, topic: str, messages: int) -> None:
        """Add messages to a topic."""
        found = self._topics.setdefault((broker, topic), Topic())
        found.published += messages
        for group in found.groups.values():
            group.behind += messages

    def take(self, key: QueueKey, capacity: float) -> int:
        """Let a group take up to `capacity` messages; the fraction of one is kept for the next time."""
        group = self.group(key)
        if group.blocked:
            return 0
        able = capacity + group.owed
        taken = min(group.behind, int(able))
        group.owed = min(1.0, able - int(able))
        group.behind -= taken
        group.taken += taken
        return taken

    def group(self, key: QueueKey) -> Group:
        """A group, made when new."""
        broker, topic, name = key
        return self._topics.setdefault((broker, topic), Topic()).groups.setdefault(name, Group())

    def administer(self, broker: str, command: str, topic: str) -> None:
        """publish_poison or skip_poison. Raises `StoreRefused` for an unknown topic."""
        found = self._topics.get((broker, topic))
        if found is None:
            known = [name for owner, name in self._topics if owner == broker]
            raise StoreRefused(f'{broker} has no topic "{topic}": {", ".join(known) or "none"}')
        if command == "publish_poison":
            found.published += 1
            for group in found.groups.values():
                group.behind += 1
                group.blocked = True
            return
        for group in found.groups.values():
            if group.blocked:
                group.blocked = False
                group.behind -= 1
                group.taken += 1

    def __iter__(self) -> Iterator[tuple[str, str, Topic]]:
        return ((broker, name, topic) for (broker, name), topic in self._topics.items())
