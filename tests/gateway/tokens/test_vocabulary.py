from __future__ import annotations

import gzip
import hashlib
import json
import shutil

import pytest

from gateway.tokens import vocabulary
from gateway.tokens.counting import count_text
from gateway.tokens.vocabulary import DATA, VocabularyError, read_ranks


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_the_shipped_files_are_the_ones_tiktoken_pins(name):
    import tiktoken_ext.openai_public as public

    pinned = getattr(public, name).__code__.co_consts
    raw = gzip.decompress((DATA / f"{name}.tiktoken.gz").read_bytes())
    assert hashlib.sha256(raw).hexdigest() in _texts(pinned)


@pytest.mark.parametrize(("name", "ranks"), [("o200k_base", 199_998), ("cl100k_base", 100_256)])
def test_every_rank_is_read(name, ranks):
    assert sorted(read_ranks(name).values())[-1] >= ranks - 1
    assert len(read_ranks(name)) == json.loads((DATA / "manifest.json").read_bytes())[name]["ranks"] == ranks


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_the_split_patterns_are_tiktokens(name, monkeypatch):
    import tiktoken_ext.openai_public as public

    monkeypatch.setattr(public, "load_tiktoken_bpe", lambda *_, **__: {})

    assert vocabulary._PATTERNS[name] == getattr(public, name)()["pat_str"]


def test_a_changed_file_is_refused(tmp_path):
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "cl100k_base.tiktoken.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"IQ== 0", b"IQ== 1")))

    with pytest.raises(VocabularyError, match="sha256 differs"):
        read_ranks("cl100k_base", tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"not gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03broken"])
def test_a_missing_or_broken_file_is_one_clear_error(tmp_path, content):
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "cl100k_base.tiktoken.gz"
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(VocabularyError):
        read_ranks("cl100k_base", tmp_path)


def test_without_its_vocabulary_a_count_is_a_labelled_estimate(tmp_path, monkeypatch):
    def missing(name):
        raise VocabularyError(name)

    monkeypatch.setattr("gateway.tokens.counting.encoding", missing)

    assert count_text("12345678", "gpt-4o") == (2, False, "bytes/4")


def _texts(constants):
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from _texts(constant)
