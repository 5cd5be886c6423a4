"""What an app contributes to the console: pages and entries of the side navigation.

The types stand in the lowest app, so every app can declare; `analytics.console` builds the site from them. An app's
contribution is a `ConsoleProvider` whose dotted path is listed in `ANALYTICS_PROVIDERS`.
"""

from gateway.console.parts import Mark, PriceStep, SpendingLimit, Use
from gateway.console.registry import (
    EVERYBODY,
    ConsoleProvider,
    ConsoleSite,
    NavEntry,
    Page,
    Permission,
    Section,
    providers,
)

__all__ = [
    "EVERYBODY",
    "ConsoleProvider",
    "ConsoleSite",
    "Mark",
    "NavEntry",
    "Page",
    "Permission",
    "PriceStep",
    "Section",
    "SpendingLimit",
    "Use",
    "providers",
]
