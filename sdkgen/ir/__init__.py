"""The typed representation of an API, from which every SDK, its documentation and its changelog are made. Pure."""

from sdkgen.ir.build import build
from sdkgen.ir.codec import CodecError, dumps, loads, sha
from sdkgen.ir.errors import DocumentError

__all__ = ["CodecError", "DocumentError", "build", "dumps", "loads", "sha"]
