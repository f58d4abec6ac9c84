from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.indexes.lexical import LexicalIndex
from retrieval.indexes.spelling import corrected, plain_words

INDEX = LexicalIndex.build(
    [
        "KubeDeploymentReplicasMismatch: available replicas are not enough",
        "the etcd cluster has no leader, and fsync of the disk is slow",
        "Filesystem almost out of inodes, the container was killed for its memory limit",
    ]
)


def put_right(text: str) -> str:
    return corrected(text, INDEX.spellings, INDEX.knows)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("deploymnt replcas missmatch", "deployment replicas mismatch"),
        ("ectd no laeder", "etcd no leader"),
        ("conatiner kiled memmory limt", "container killed memory limit"),
        ("filesytem almots out", "filesystem almost out"),
    ],
)
def test_one_wrong_letter_is_put_right(said: str, meant: str) -> None:
    assert put_right(said) == meant


@pytest.mark.parametrize(
    "text",
    [
        "please see the boss, it wont start and we cant fix it",
        "ETCD-Mebers pod/etdc-0 etdc_server KubDeployment 10.0.0.1:2379",
        "leaders were killed",
        "zzzzqqq",
        "",
    ],
)
def test_english_identifiers_and_the_unknown_are_left_alone(text: str) -> None:
    assert put_right(text) == text


@given(st.text(max_size=80))
def test_only_words_that_are_in_no_document_change(text: str) -> None:
    after = put_right(text)
    for word in set(plain_words(after)) - set(plain_words(text)):
        assert word in INDEX.spellings
    assert put_right(after) == after
