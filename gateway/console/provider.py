"""The gateway's own pages and entries: catalogue, guardrails, imports, people, audit trail."""

from collections.abc import Sequence
from datetime import datetime

from gateway.console import account, board, bodies, guardrails, imports, limits, marks, privacy, routes
from gateway.console.parts import Mark
from gateway.console.registry import ConsoleProvider, NavEntry, Page, Section
from gateway.console.scope import ADMINISTRATORS
from gateway.models import Organization, User
from gateway.signin.confirmation import ALWAYS, WRITES


class GatewayConsole(ConsoleProvider):
    """Pages of the data plane's configuration, and model pages, by task."""

    pages = (
        Page("providers/<uuid:provider_id>/test/", board.provider_test, "provider_test", "gateway.provider"),
        Page("routes/", routes.route_list, "routes", "gateway.route"),
        Page("routes/add/", routes.route_add, "route_add", "gateway.route"),
        Page("routes/target/", routes.target_row, "route_target", "gateway.route"),
        Page("routes/<uuid:route_id>/", routes.route_page, "route", "gateway.route"),
        Page("routes/<uuid:route_id>/simulate/", routes.route_simulate, "route_simulate", "gateway.route"),
        Page("guardrails/", guardrails.guardrail_list, "guardrails", "gateway.guardrail"),
        Page("guardrails/<uuid:guardrail_id>/", guardrails.guardrail_page, "guardrail", "gateway.guardrail"),
        Page("rate-limits/", limits.limit_list, "rate_limits", "gateway.ratelimit"),
        Page("imports/", imports.import_list, "imports", ADMINISTRATORS),
        Page("imports/<uuid:run_id>/", imports.import_page, "import", ADMINISTRATORS),
        Page(
            "imports/<uuid:run_id>/rejected.csv",
            imports.import_rejected,
            "import_rejected",
            ADMINISTRATORS,
            confirm=ALWAYS,
        ),
        Page("account/", account.account_page, "account"),
        Page("account/second-factor/", account.second_factor_add, "second_factor_add", confirm=ALWAYS),
        Page("account/second-factor/remove/", account.second_factor_remove, "second_factor_remove", confirm=WRITES),
        Page("account/recovery-codes/", account.recovery_codes, "recovery_codes", confirm=WRITES),
        Page("account/sessions/end/", account.sessions_end, "sessions_end"),
        Page("account/sessions/end-one/", account.session_end, "session_end"),
        Page("body-access/", bodies.body_log, "body_access", ADMINISTRATORS),
        Page("privacy/", privacy.privacy_page, "privacy", ADMINISTRATORS, confirm=WRITES),
        Page("privacy/audit.jsonl", privacy.audit_file, "audit_file", ADMINISTRATORS, confirm=ALWAYS),
    )
    navigation = (
        NavEntry(
            "Providers", "admin:providers", "cloud", Section.GATEWAY, 20, also=("admin:gateway_provider_changelist",)
        ),
        NavEntry("Routes", "admin:routes", "route", Section.GATEWAY, 40, also=("admin:gateway_route_changelist",)),
        NavEntry(
            "Guardrails",
            "admin:guardrails",
            "shield",
            Section.GATEWAY,
            50,
            also=("admin:gateway_guardrail_changelist",),
        ),
        NavEntry(
            "Rate limits",
            "admin:rate_limits",
            "timer",
            Section.GATEWAY,
            60,
            also=("admin:gateway_ratelimit_changelist",),
        ),
        NavEntry("Imports", "admin:imports", "upload", Section.GATEWAY, 80),
        NavEntry("Body access", "admin:body_access", "eye", Section.GATEWAY, 90),
        NavEntry("Projects", "admin:gateway_project_changelist", "folder", Section.ORGANIZATION, 10, "gateway.project"),
        NavEntry("Teams", "admin:gateway_team_changelist", "team", Section.ORGANIZATION, 20, "gateway.team"),
        NavEntry(
            "People", "admin:gateway_membership_changelist", "people", Section.ORGANIZATION, 30, "gateway.membership"
        ),
        NavEntry("Privacy", "admin:privacy", "hidden", Section.ORGANIZATION, 85),
        NavEntry(
            "Audit", "admin:gateway_auditevent_changelist", "history", Section.ORGANIZATION, 90, "gateway.auditevent"
        ),
        NavEntry("API docs", "api-docs", "braces", Section.SYSTEM, 90),
    )

    def marks(self, user: User, organization: Organization, start: datetime, end: datetime) -> Sequence[Mark]:
        return marks.configuration_changes(user, organization, start, end)
