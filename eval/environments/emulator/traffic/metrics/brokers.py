"""The exporters of Kafka and RabbitMQ: topics, queues, and how far their consumers are behind."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from eval.apps.model import App
from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.processes import Processes
from eval.environments.emulator.traffic.queues import Queues, Topic


class Brokers:
    """kafka-exporter and RabbitMQ's own metrics, while the broker answers."""

    def __init__(self, queues: Queues, processes: Processes, app: App) -> None:
        self._queues = queues
        self._processes = processes
        self._app = app

    def export(self, page: Page, now: datetime) -> None:
        """Write the samples of all topics."""
        for broker, name, topic in self._queues:
            service = self._app.services[broker]
            serving = [
                process
                for process in self._processes.of_service(broker)
                if self._processes.accepts(process, service.ports[0].number)
            ]
            if not serving:
                continue
            if service.store is not None and service.store.engine == "rabbitmq":
                self._rabbitmq(page, broker, name, topic)
            else:
                self._kafka(page, broker, name, topic)

    def _kafka(self, page: Page, broker: str, name: str, topic: Topic) -> None:
        def labels(**more: str) -> Labels:
            instance = f"{broker}:9308"
            common = {"namespace": self._app.namespace, "topic": name, "partition": "0"}
            return {"job": "kafka-exporter", "instance": instance, **common, **more}

        key = (broker, name)
        page.set("kafka_topic_partition_current_offset", key, labels, float(topic.published))
        for group, state in topic.groups.items():
            found = partial(labels, consumergroup=group)
            page.set("kafka_consumergroup_lag", (*key, group), found, float(state.behind))
            taken = float(state.taken)
            page.set("kafka_consumergroup_current_offset", (*key, group), found, taken)

    def _rabbitmq(self, page: Page, broker: str, name: str, topic: Topic) -> None:
        def labels(queue: str) -> Labels:
            return {
                "job": "rabbitmq",
                "instance": f"{broker}:15692",
                "namespace": self._app.namespace,
                "queue": queue,
            }

        queues = {
            name if len(topic.groups) == 1 else f"{name}.{group}": float(state.behind)
            for group, state in topic.groups.items()
        }
        for queue, ready in (queues or {name: float(topic.published)}).items():
            key = (broker, queue)
            page.set("rabbitmq_queue_messages_ready", key, partial(labels, queue), ready)
            total = float(topic.published)
            page.set("rabbitmq_queue_messages_published_total", key, partial(labels, queue), total)
