"""All tools, in the order in which an agent reads of them."""

from __future__ import annotations

from copilot.tools.changes import get_changes
from copilot.tools.connectivity import check_connectivity
from copilot.tools.describe import describe_resource
from copilot.tools.events import get_events
from copilot.tools.knowledge import search_knowledge, show_evidence
from copilot.tools.logs import get_logs
from copilot.tools.metrics import get_alerts, get_metrics
from copilot.tools.resources import list_resources
from copilot.tools.topology import get_topology

TOOLS = (
    list_resources,
    describe_resource,
    get_events,
    get_logs,
    get_changes,
    check_connectivity,
    get_topology,
    get_metrics,
    get_alerts,
    search_knowledge,
    show_evidence,
)
