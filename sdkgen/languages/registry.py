"""The languages by id and alias."""

from sdkgen.languages.base.language import Language
from sdkgen.languages.csharp import CSharp
from sdkgen.languages.go import Go
from sdkgen.languages.java import Java
from sdkgen.languages.python import Python
from sdkgen.languages.typescript import TypeScript

LANGUAGES: dict[str, Language] = {
    language.about.id: language for language in (Python(), TypeScript(), Java(), Go(), CSharp())
}
IDS = sorted(LANGUAGES)


def named(text: str) -> Language:
    """By id or alias, whatever the case. Raises KeyError."""
    wanted = text.strip().lower()
    for language in LANGUAGES.values():
        if wanted == language.about.id or wanted in language.about.aliases:
            return language
    raise KeyError(text)
