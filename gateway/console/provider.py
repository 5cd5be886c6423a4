"""The gateway's own entries: catalogue, people, audit trail."""

from gateway.console.registry import ConsoleProvider, NavEntry, Section


class GatewayConsole(ConsoleProvider):
    """Model pages of the configuration, by task."""

    navigation = (
        NavEntry("Keys", "admin:gateway_virtualkey_changelist", "key", Section.GATEWAY, 10, "gateway.virtualkey"),
        NavEntry("Providers", "admin:gateway_provider_changelist", "cloud", Section.GATEWAY, 20, "gateway.provider"),
        NavEntry("Models", "admin:gateway_model_changelist", "cube", Section.GATEWAY, 30, "gateway.model"),
        NavEntry("Routes", "admin:gateway_route_changelist", "route", Section.GATEWAY, 40, "gateway.route"),
        NavEntry("Projects", "admin:gateway_project_changelist", "folder", Section.ORGANIZATION, 10, "gateway.project"),
        NavEntry("Teams", "admin:gateway_team_changelist", "team", Section.ORGANIZATION, 20, "gateway.team"),
        NavEntry(
            "People", "admin:gateway_membership_changelist", "people", Section.ORGANIZATION, 30, "gateway.membership"
        ),
        NavEntry(
            "Audit", "admin:gateway_auditevent_changelist", "shield", Section.ORGANIZATION, 90, "gateway.auditevent"
        ),
        NavEntry("API docs", "api-docs", "book", Section.SYSTEM, 90),
    )
