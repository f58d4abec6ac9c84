"""JUnit's XML, for CI: one test case a problem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from eval.measures.summary import Row, by

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(rows: Sequence[Row], oracle: str = "strict") -> str:
    """Return the document; an agent is a suite, a failed problem a failure with its reason."""
    root = ElementTree.Element("testsuites")
    for agent, mine in by(rows, lambda row: str(row["agent"])).items():
        failed = [row for row in mine if not row["success"][oracle]]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=agent,
            tests=str(len(mine)),
            failures=str(len(failed)),
            time=f"{sum(row['wall']['seconds'] for row in mine):.2f}",
        )
        for row in mine:
            seconds = f"{row['wall']['seconds']:.2f}"
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{agent}.{row['task']}", name=row["id"], time=seconds
            )
            if not row["success"][oracle]:
                why = row["detail"][oracle] or row["failure"] or "wrong"
                text = _ILLEGAL.sub("", str(why))
                ElementTree.SubElement(case, "failure", message=text).text = text
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
