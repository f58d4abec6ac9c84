"""The filters print what the programs of the same name print."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.tools.shell.filters import stage
from copilot.tools.shell.words import split

TEXT = """NAME                     READY   STATUS             RESTARTS   AGE
cart-7d9f8b6c5-x2x4z     1/1     Running            0          5d
cart-7d9f8b6c5-a1b2c     0/1     CrashLoopBackOff   12         5d
web-0                    2/2     Running            1          10m

db:main:5432:up
db:replica:5433:down
Error: [a.b] (x) {y} 10% +1
error error Errors
"""

LINES = [
    "grep Running",
    "grep -v Running",
    "grep -i error",
    "grep -ic ERROR",
    "grep -c error",
    "grep -o error",
    "grep -on error",
    "grep -n Crash",
    "grep -w error",
    "grep -x 'db:main:5432:up'",
    "grep -E 'Run|Crash'",
    "grep -E '^(cart|web)-[0-9a-z]+'",
    "grep 'Run\\|Crash'",
    "grep -F '[a.b] (x)'",
    "grep 'a.b'",
    "grep '(x)'",
    "grep -E '\\(x\\)'",
    "grep '{y}'",
    "grep '[[:digit:]]\\{4\\}'",
    "grep -E '[[:space:]]0/1[[:space:]]'",
    "grep -A1 cart",
    "grep -B1 Crash",
    "grep -C1 replica",
    "grep -n -A 1 -B 1 web-0",
    "grep -m1 Running",
    "grep -e main -e replica",
    "grep '^$'",
    "grep -v '^$'",
    "grep '+1'",
    "grep -E '\\+1'",
    "grep '[^a-z: 0-9]'",
    "grep '\\<Errors\\>'",
    "grep -2 main",
    "egrep 'up|down'",
    "fgrep '10%'",
    "head",
    "head -3",
    "head -n 2",
    "head -n -2",
    "head -n0",
    "tail -2",
    "tail -n 3",
    "tail -n +3",
    "tail -n0",
    "sort",
    "sort -r",
    "sort -u",
    "sort -f",
    "sort -k2",
    "sort -k4,4n",
    "sort -k4nr",
    "sort -t: -k3,3n",
    "sort -t: -k2",
    "sort -n",
    "sort -V",
    "sort -k1,1 -k4,4nr",
    "uniq",
    "uniq -c",
    "uniq -d",
    "uniq -u",
    "uniq -f1",
    "wc -l",
    "wc -w",
    "wc -c",
    "wc",
    "cut -d: -f2",
    "cut -d: -f1,3",
    "cut -d: -f2-",
    "cut -d: -f-2",
    "cut -d: -s -f2",
    "cut -c1-4",
    "cut -c3",
    "cut -d' ' -f1",
    "awk '{print $1}'",
    "awk '{print $1, $3}'",
    "awk '{print $NF}'",
    "awk '{print}'",
    "awk '{print $1 \"-\" $2}'",
    "awk -F: '{print $2}'",
    "awk -F: '/db/ {print $3}'",
    "awk 'NR>1 {print $1}'",
    "awk 'NR==2'",
    "awk '$4 > 0'",
    "awk '$4 > 0 && $3 == \"Running\" {print $1}'",
    "awk '$3 ~ /Crash/ {print $1, NR, NF}'",
    "awk '$3 !~ /Run/ {print $1}'",
    "awk '!/Running/ {print $1}'",
    "awk 'NF {print $1}'",
    "awk '/Running/ {print $1} /Crash/ {print $2}'",
    "awk '{print $1; print $2}'",
]


def ours(line: str, text: str) -> str:
    return stage(split(line)[0]).run(text)


def theirs(line: str, text: str) -> str:
    words = shlex.split(line)
    answer = subprocess.run(
        words,
        input=text,
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    return answer.stdout


@pytest.mark.parametrize("line", LINES)
def test_filters_agree_with_the_programs(line: str) -> None:
    if shutil.which(line.split()[0]) is None:
        pytest.skip(f"{line.split()[0]} is not here")
    assert ours(line, TEXT) == theirs(line, TEXT)


JQ = [
    "jq .",
    "jq -c .",
    "jq -r '.items[].name'",
    "jq '.items | length'",
    "jq -S .items[0]",
    "jq -r '.items[] | \"\\(.name)=\\(.n)\"'",
    "jq '.items[] | select(.n > 1)'",
    "jq --arg x b '.items[] | select(.name == $x) | .n'",
    "jq -j '.items[].name'",
    "jq '.items | map(.n) | add'",
    "jq --tab .",
    "jq --indent 1 .",
    "jq -s length",
    "jq -n '1+1'",
]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not here")
@pytest.mark.parametrize("line", JQ)
def test_jq_agrees_with_jq(line: str) -> None:
    pytest.importorskip("jq")
    text = '{"items": [{"name": "a", "n": 1, "t": "ü<\\u0001"}, {"name": "b", "n": 2.5, "e": {}}]}'
    assert ours(line, text) == theirs(line, text)


@given(st.text(alphabet="ab\n :1", max_size=40), st.integers(0, 5))
def test_head_and_tail_part_a_text(text: str, count: int) -> None:
    whole = text if text.endswith("\n") or not text else text + "\n"
    assert ours(f"head -n {count}", text) + ours(f"tail -n +{count + 1}", text) == whole
    assert ours(f"head -n -{count}", text) + ours(f"tail -n {count}", text) == whole


@given(st.text(alphabet="abc\n", max_size=40))
def test_sorting_and_counting_lose_nothing(text: str) -> None:
    counted = ours("uniq -c", ours("sort", text))
    assert sum(int(line.split()[0]) for line in counted.splitlines()) == len(
        (text if text.endswith("\n") else text + "\n").splitlines() if text else []
    )
