"""TypeScript and JavaScript: an ES module with declarations, which needs no compiler where it is generated."""

from sdkgen.languages.typescript.language import TypeScript

__all__ = ["TypeScript"]
