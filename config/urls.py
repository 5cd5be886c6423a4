"""Routes of the console process."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from analytics.console.forms import NewPasswordForm, ResetForm
from analytics.reports.unsubscribe import unsubscribe
from gateway.monitoring import ledger_metrics
from gateway.signin import sso
from gateway.signin.views import second_factor, second_factor_first, sudo
from gateway.views import invitation
from sdkgen.mcp.endpoint import mcp

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/password_reset/", auth.PasswordResetView.as_view(form_class=ResetForm), name="admin_password_reset"),
    path("admin/password_reset/done/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "admin/reset/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(form_class=NewPasswordForm),
        name="password_reset_confirm",
    ),
    path("admin/reset/done/", auth.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
    path("admin/", admin.site.urls),
    path("sudo/", sudo, name="sudo"),
    path("sign-in/code/", second_factor, name="second-factor"),
    path("sign-in/sso/", sso.start, name="sso"),
    path("sign-in/sso/callback/", sso.callback, name="sso-callback"),
    path("sign-in/set-up/", second_factor_first, name="second-factor-first"),
    path("invitations/<str:token>/", invitation, name="invitation"),
    path("reports/unsubscribe/<str:token>/", unsubscribe, name="report-unsubscribe"),
    path("metrics/ledger", ledger_metrics, name="ledger-metrics"),
    path("api/v1/", include("gateway.api.urls")),
    path("api/v1/", include("analytics.api.declared_tags")),
    path("api/v1/", include("analytics.api.annotations")),
    path("api/v1/", include("costs.api.urls")),
    path("api/v1/fine-tuning/", include("finetuning.api.urls")),
    path("api/v1/", include("sdkgen.api.urls")),
    path("mcp", mcp, name="mcp"),
    path("api/openai/v1/", include("finetuning.front.urls")),
    path("api/v1/", include("analytics.api.urls")),
    path("api/", include("gateway.api.docs")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]

handler400 = "analytics.console.errors.bad_request"
handler403 = "analytics.console.errors.forbidden"
handler404 = "analytics.console.errors.not_found"
handler500 = "analytics.console.errors.server_error"
