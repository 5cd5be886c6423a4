"""The first program of a language, as a build shows it."""

from sdkgen.builds import Package
from sdkgen.languages.base.config import Config
from sdkgen.languages.registry import named


def quick_start(language: str) -> str:
    found = named(language)
    return Package(found, found.checked(Config())).filled(found.about.quick_start)
