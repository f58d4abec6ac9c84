"""Jira's issues as documents: plain text of Data Center, Atlassian Document Format of Cloud."""

from __future__ import annotations

from typing import Any

from connectors.api.values import RemoteDocument

_BLOCKS = (
    "paragraph",
    "heading",
    "codeBlock",
    "listItem",
    "blockquote",
    "panel",
    "tableRow",
    "rule",
)


def to_document(issue: dict[str, Any], url: str) -> RemoteDocument:
    """Read an issue. Raises `KeyError`, `TypeError` or `AttributeError` for another shape."""
    key, fields = str(issue["key"]), issue["fields"]
    title = str(fields.get("summary") or key)
    parts = [f"# {title}", text_of(fields.get("description"))]
    comments = (fields.get("comment") or {}).get("comments") or []
    if comments:
        parts.append("## Comments")
        parts += [text_of(comment.get("body")) for comment in comments]
    resolution = (fields.get("resolution") or {}).get("name")
    known = {
        "id": key,
        "title": title,
        "kind": "incident",
        "date": str(fields.get("created") or "")[:10],
        "resolved": str(fields.get("resolutiondate") or "")[:10],
        "resolution": str(resolution or ""),
        "severity": str((fields.get("priority") or {}).get("name") or ""),
        "services": ", ".join(str(one.get("name")) for one in fields.get("components") or []),
        "labels": ", ".join(map(str, fields.get("labels") or [])),
        "url": f"{url}/browse/{key}",
    }
    metadata = {name: value for name, value in known.items() if value}
    content = "\n\n".join(filter(None, parts))
    return RemoteDocument(f"{key.replace('/', '-')}.md", content, "incident", metadata)


def text_of(value: Any) -> str:
    """Return the text of a field: a string, or a document of Atlassian Document Format."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else "".join(_text(value)).strip()


def _text(node: Any) -> list[str]:
    kind = node.get("type")
    inner = [part for child in node.get("content") or [] for part in _text(child)]
    if kind == "text":
        return [str(node.get("text", ""))]
    if kind == "hardBreak":
        return ["\n"]
    if kind in ("mention", "emoji", "date", "status", "inlineCard"):
        known = node.get("attrs") or {}
        return [str(known.get("text") or known.get("url") or known.get("shortName") or "")]
    if kind == "heading":
        level = int((node.get("attrs") or {}).get("level", 2)) + 1
        return [f"{'#' * min(level, 6)} ", *inner, "\n\n"]
    if kind == "codeBlock":
        return ["```\n", *inner, "\n```\n\n"]
    if kind == "listItem":
        return ["- ", "".join(inner).strip().replace("\n\n", "\n  "), "\n"]
    return [*inner, "\n\n"] if kind in _BLOCKS else inner
