"""The files of the generated SDKs that the page loads: the packages themselves, limited to conversations and the list
of models.

Both are made of what the data plane declares, which needs no description of the management API and so takes half a
second; a test holds that the code is the same as in a package made of the whole document.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

from sdkgen import ir
from sdkgen.builds import archive
from sdkgen.documents.declared import SECURITY, dataplane
from sdkgen.documents.merged import DESCRIPTION, TITLE
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import read_fields
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named

OPERATIONS = ["chat.*", "models.*"]
PYTHON_ARCHIVE = "python.zip"
MODULE = "llm_gateway"
_KINDS = {".js": "text/javascript; charset=utf-8", ".zip": "application/zip"}


@dataclass(frozen=True, slots=True)
class Served:
    """Files by path. `version` follows from their content, so that a browser may keep them for ever."""

    version: str
    files: dict[str, bytes]

    def kind(self, path: str) -> str:
        """Its Content-Type."""
        return _KINDS[path[path.rindex(".") :]]


def representation() -> Api:
    """Of what the data plane declares alone."""
    declared = dataplane()
    document = {
        "openapi": "3.1.0", "info": {"title": TITLE, "description": DESCRIPTION, "version": "1.0.0"},
        "paths": declared["paths"],
        "components": {"schemas": declared["schemas"], "securitySchemes": SECURITY},
        "x-sdk": {"errors": declared["errors"], "resources": declared["resources"]},
    }  # fmt: skip
    return ir.build(document)


def made(api: Api) -> dict[str, bytes]:
    """The JavaScript of the TypeScript package, and the Python package as an archive."""
    files: dict[str, bytes] = {}
    for name in ("typescript", "python"):
        language = named(name)
        package = generate(language, api, language.checked(read_fields({"operations": OPERATIONS}))).files
        if name == "typescript":
            files |= {path: code for path, code in package.items() if path.startswith("lib/") and path.endswith(".js")}
        else:
            files[PYTHON_ARCHIVE] = archive(
                {path: code for path, code in package.items() if path.startswith(f"{MODULE}/")}
            )
    return files


@cache
def served() -> Served:
    """Of the code that runs; made once in a process."""
    files = made(representation())
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return Served(digest.hexdigest()[:16], files)
