"""What in a Markdown text is markup only: it is shown as it is, but neither indexed nor embedded.

Real documents carry comments, HTML tags, template short codes, link targets and anchors, which say nothing about their
subject and use up what an embedding model reads of them.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"(?m)^(\s*(?:`{3,}|~{3,}).*)$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SHORT_CODE = re.compile(r"\{\{[<%](.*?)[>%]\}\}", re.DOTALL)
_SAID = re.compile(r'\b(?:text|title|summary|heading|alt)\s*=\s*"([^"]*)"')
# By name: `<pod>` in a command is a placeholder, which says something.
_TAG = re.compile(
    r"</?(?:a|abbr|b|blockquote|br|button|center|code|dd|del|details|div|dl|dt|em|figure|figcaption|font|h[1-6]|hr|i"
    r"|iframe|img|input|kbd|label|li|mark|ol|p|pre|s|section|small|span|strong|sub|summary|sup|table|tbody|td|th|thead"
    r"|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_LINK = re.compile(r'!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+"[^"]*")?\)')
_REFERENCE = re.compile(r"(?m)^ {0,3}\[[^\]]+\]:\s+\S+.*$")
_ANCHOR = re.compile(r"\s*\{#[\w.:-]+\}")
_SIGNS = ("<", "](", "{{", "{#", "]:")


def bare(text: str) -> str:
    """Return a text without its markup; code blocks stay as they are."""
    if not any(sign in text for sign in _SIGNS):
        return text
    parts = _FENCE.split(text)
    inside = ""
    for at, part in enumerate(parts):
        if at % 2:
            mark = part.strip()[:3]
            inside = mark if not inside else ("" if mark == inside else inside)
        elif not inside:
            parts[at] = _prose(part)
    return "".join(parts)


def _prose(text: str) -> str:
    text = _COMMENT.sub("", text)
    text = _SHORT_CODE.sub(lambda match: " ".join(_SAID.findall(match.group(1))), text)
    text = _LINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    return _ANCHOR.sub("", _REFERENCE.sub("", text))
