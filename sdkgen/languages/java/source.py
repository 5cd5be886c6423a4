"""A Java file: its imports are those that its text needs. Pure."""

import re
from collections.abc import Iterable, Mapping

from sdkgen.languages.java.types import IMPORTS

OWN = "com.llmgateway"
"""The package of the hand-written runtime; a client's own takes its place."""
RUNTIME = {
    "core": (
        "ApiClient", "ApiRequest", "ApiResponse", "BinaryResponse", "ClientOptions", "EventStream", "FileUpload",
        "MultipartForm", "Page", "PageRules", "RequestBody", "RequestOptions", "SdkInfo", "StreamFold", "StreamRules",
        "Timeouts",
    ),
    "json": (
        "Codec", "Codecs", "JsonArray", "JsonBoolean", "JsonException", "JsonModel", "JsonNull", "JsonNumber",
        "JsonObject", "JsonString", "JsonValue", "Maybe", "OpenEnum",
    ),
    "errors": ("ApiException", "ErrorClasses", "ErrorDetails"),
}  # fmt: skip
HOMES = {name: f"{OWN}.{room}.{name}" for room, names in RUNTIME.items() for name in names} | IMPORTS | {
    "CompletableFuture": "java.util.concurrent.CompletableFuture", "Duration": "java.time.Duration",
    "LinkedHashMap": "java.util.LinkedHashMap", "ArrayList": "java.util.ArrayList", "Set": "java.util.Set",
    "Supplier": "java.util.function.Supplier",
}  # fmt: skip
_WORDS = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*|(?<![\w.])[A-Z]\w*', re.DOTALL)


def source(package: str, body: Iterable[str], own: Mapping[str, str], base: str) -> str:
    """`own`: simple name → package of the client's classes; `base`: the client's package."""
    text = "\n".join(body).rstrip() + "\n"
    used = {found for found in _WORDS.findall(text) if found[0].isupper()}
    homes = {**HOMES, **{name: f"{OWN}.{room}.{name}" for name, room in own.items()}}
    here = f"{OWN}.{package}".rstrip(".")
    imports = sorted(homes[name] for name in used if name in homes and homes[name].rpartition(".")[0] != here)
    head = f"package {here};\n\n" + "".join(f"import {one};\n" for one in imports) + ("\n" if imports else "")
    return renamed(head, base) + text


def renamed(text: str, base: str) -> str:
    """The same for a client in another package."""
    return text if base == OWN else re.sub(rf"\b{re.escape(OWN)}\b", base, text)
