from __future__ import annotations

import pytest

from retrieval.logs.fields import mask_fields


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("lock acquired user=anna, again=true", "lock acquired user=<*>, again=<*>"),
        (
            'level=error msg="no route to host" peer=cart',
            'level=error msg="no route to host" peer=<*>',
        ),
        ("Pod{name=a Node{b}} evicted", "Pod<*> evicted"),
        ('relation "orders" is missing', "relation <*> is missing"),
        ("breaker 'pricing' opened, it's over", "breaker <*> opened, it's over"),
        ('{"msg":"it broke","user":"anna","ok":false}', '{"msg":"it broke","user":"<*>","ok":<*>}'),
        ("ready: true", "ready: <*>"),
        ("a plain sentence", "a plain sentence"),
    ],
)
def test_values_that_the_syntax_marks_are_masked(line: str, masked: str) -> None:
    assert mask_fields(line) == masked
