"""Who writes pieces of callers' code (`base.pieces`) in which language. Pure but for reading the locks of names."""

from collections.abc import Callable, Mapping

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.names import Lock, Names, settle
from sdkgen.languages.base.pieces import PieceWriter
from sdkgen.languages.csharp.pieces import Pieces as CSharpPieces
from sdkgen.languages.go.pieces import Pieces as GoPieces
from sdkgen.languages.java.pieces import Pieces as JavaPieces
from sdkgen.languages.python.pieces import Pieces as PythonPieces
from sdkgen.languages.registry import LANGUAGES
from sdkgen.languages.typescript.pieces import Pieces as TypeScriptPieces

WRITERS: Mapping[str, Callable[[Api, Names, Config], PieceWriter]] = {
    "python": PythonPieces, "typescript": TypeScriptPieces, "java": JavaPieces, "go": GoPieces, "csharp": CSharpPieces,
}  # fmt: skip


def writer(language: str, api: Api, *, lock: Lock | None = None) -> PieceWriter:
    """With the names that a package of `api` has. `language` is an id; `lock` is the language's when left out."""
    found = LANGUAGES[language]
    names = settle(found.propose(api), found.lock() if lock is None else lock)
    return WRITERS[language](api, names, found.checked(Config()))
