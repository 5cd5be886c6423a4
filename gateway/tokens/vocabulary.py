"""OpenAI's encodings from the vocabulary files shipped in ``data/``; loaded once, at first use, verified by sha256."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from .names import CL100K, O200K

if TYPE_CHECKING:
    import tiktoken

DATA = Path(__file__).parent / "data"

# The split patterns of tiktoken 0.14.0, tiktoken_ext/openai_public.py (MIT). Special tokens are left out on purpose:
# text of a caller is always ordinary text, so "<|endoftext|>" counts as the seven tokens a vendor would bill.
_PATTERNS = {
    CL100K: (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    O200K: "|".join(
        (
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )
    ),
}

_loaded: dict[str, tiktoken.Encoding] = {}
_loading = threading.Lock()


class VocabularyError(RuntimeError):
    """A shipped vocabulary file is missing or was changed."""


def encoding(name: str) -> tiktoken.Encoding:
    """The encoding ``o200k_base`` or ``cl100k_base``. First use reads it from disk (about 0.5 s, 60 MB), later ones
    are a dict lookup. Raises ``VocabularyError`` when the file is not the one that was shipped."""
    found = _loaded.get(name)
    if found is None:
        with _loading:
            found = _loaded.get(name) or _load(name)
            _loaded[name] = found
    return found


def _load(name: str) -> tiktoken.Encoding:
    # Imported here: the data plane must not carry the tokenizer unless a vendor fails to report its usage.
    import tiktoken

    return tiktoken.Encoding(name, pat_str=_PATTERNS[name], mergeable_ranks=read_ranks(name), special_tokens={})


def read_ranks(name: str, folder: Path = DATA) -> dict[bytes, int]:
    """Token bytes → rank from the file of ``name``; raises ``VocabularyError`` unless its sha256 is the manifest's."""
    try:
        expected = json.loads((folder / "manifest.json").read_bytes())[name]
        raw = gzip.decompress((folder / expected["file"]).read_bytes())
    except (OSError, EOFError, zlib.error, ValueError, KeyError) as error:
        raise VocabularyError(f"The vocabulary {name} in {folder} cannot be read: {error}") from error
    if hashlib.sha256(raw).hexdigest() != expected["sha256"]:
        raise VocabularyError(f"The vocabulary {name} in {folder} is not the shipped file: its sha256 differs.")
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in raw.splitlines())}
