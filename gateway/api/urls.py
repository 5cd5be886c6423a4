"""Paths of the management API under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import DefaultRouter

from gateway.api.root import RootView
from gateway.api.views import (
    account,
    catalog,
    identity,
    imports,
    keys,
    ledger,
    limits,
    policies,
    privacy,
    routes,
    scim,
    signin,
)

router = DefaultRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.include_format_suffixes = False
router.APIRootView = RootView
router.register("organizations", identity.OrganizationViewSet, "organization")
router.register("teams", identity.TeamViewSet, "team")
router.register("projects", identity.ProjectViewSet, "project")
router.register("memberships", identity.MembershipViewSet, "membership")
router.register("invitations", identity.InvitationViewSet, "invitation")
router.register("api-keys", keys.KeyViewSet, "api-key")
router.register("providers", catalog.ProviderViewSet, "provider")
router.register("models", catalog.ModelViewSet, "model")
router.register("routes", routes.RouteViewSet, "route")
router.register("rate-limits", limits.RateLimitViewSet, "rate-limit")
router.register("guardrails", policies.GuardrailViewSet, "guardrail")
router.register("body-policies", policies.BodyPolicyViewSet, "body-policy")
router.register("cache-policies", policies.CachePolicyViewSet, "cache-policy")
router.register("usage-imports", imports.ImportViewSet, "usage-import")
router.register("usage-records", ledger.UsageRecordViewSet, "usage-record")
router.register("audit-events", ledger.AuditEventViewSet, "audit-event")
router.register("end-user-erasures", privacy.ErasureViewSet, "end-user-erasure")

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^auth/token/?$", account.TokenView.as_view(), name="token"),
    re_path(r"^auth/token/refresh/?$", account.TokenRefreshView.as_view(), name="token-refresh"),
    re_path(r"^auth/token/revoke/?$", account.TokenRevokeView.as_view(), name="token-revoke"),
    re_path(r"^auth/password-reset/?$", account.PasswordResetView.as_view(), name="password-reset"),
    re_path(
        r"^auth/password-reset/confirm/?$", account.PasswordResetConfirmView.as_view(), name="password-reset-confirm"
    ),
    re_path(r"^me/?$", account.MeView.as_view(), name="me"),
    re_path(r"^me/password/?$", account.MyPasswordView.as_view(), name="my-password"),
    re_path(r"^me/second-factor/?$", signin.SecondFactorView.as_view(), name="second-factor"),
    re_path(r"^me/second-factor/confirm/?$", signin.SecondFactorConfirmView.as_view(), name="second-factor-confirm"),
    re_path(r"^me/second-factor/disable/?$", signin.SecondFactorDisableView.as_view(), name="second-factor-disable"),
    re_path(r"^me/recovery-codes/?$", signin.RecoveryCodesView.as_view(), name="recovery-codes"),
    re_path(r"^me/sessions/?$", signin.SessionsView.as_view(), name="sessions"),
    re_path(r"^me/sessions/end/?$", signin.SessionsEndView.as_view(), name="sessions-end"),
    re_path(r"^retention/?$", privacy.RetentionView.as_view(), name="retention"),
    re_path(r"^scim/v2/ServiceProviderConfig/?$", scim.ServiceProviderConfigView.as_view(), name="scim-service"),
    re_path(r"^scim/v2/ResourceTypes/?$", scim.ResourceTypesView.as_view(), name="scim-types"),
    re_path(r"^scim/v2/ResourceTypes/(?P<name>\w+)/?$", scim.ResourceTypesView.as_view(), name="scim-type"),
    re_path(r"^scim/v2/Schemas/?$", scim.SchemasView.as_view(), name="scim-schemas"),
    re_path(r"^scim/v2/Schemas/(?P<name>[\w:.]+)/?$", scim.SchemasView.as_view(), name="scim-schema"),
    re_path(r"^scim/v2/Users/?$", scim.UsersView.as_view(), name="scim-users"),
    re_path(r"^scim/v2/Users/(?P<pk>[^/]+)/?$", scim.UserView.as_view(), name="scim-user"),
    re_path(r"^scim/v2/Groups/?$", scim.GroupsView.as_view(), name="scim-groups"),
    re_path(r"^scim/v2/Groups/(?P<pk>[^/]+)/?$", scim.GroupView.as_view(), name="scim-group"),
    *router.urls,
]
