"""Every URL outside the management API: what each caller is answered, and the objects that its placeholders stand for.

A row is a method, the answer to each of `CALLERS` in that order, and the names of the routes it holds for (`a_{b,c}`:
`a_b` and `a_c`). `in` is the way to the sign-in page. The objects belong to Acme; mallory owns Globex. A route that no
row names fails the tests, which print the row it would need.

To look, `GET`; to write, `POST` of an empty form, so that 200, 302, 400 and 422 all mean "let in": the form is shown
again, refused or done. 405: nothing is written there. 409: what is asked for is not made yet.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from gateway.models import Organization
from tests import factories
from tests.gateway.api.places import Places

CALLERS = {
    "anon": "anonymous", "dev": "developer", "ana": "analyst", "man": "manager", "adm": "admin", "own": "owner",
    "sup": "superuser", "mal": "mallory",
}  # fmt: skip
METHODS = ("GET", "POST")
NOTHING = "0192f0c4-0000-7000-8000-000000000000"
_ELSEWHERE = ("api/v1/",)  # has a matrix of its own: tests/gateway/api/matrix.py

TABLE = """
GET  200 200 200 200 200 200 200 200 admin_password_reset api-docs api-redoc api-redoc-script api-schema ledger-metrics
GET  200 200 200 200 200 200 200 200 password_reset_complete password_reset_confirm password_reset_done
GET  200 302 302 302 302 302 302 302 login
GET  302 405 405 405 405 405 405 405 logout
GET  404 404 404 404 404 404 404 404 invitation report-unsubscribe
GET  405 405 405 405 405 405 405 405 mcp
GET  in  200 200 200 200 200 200 200 alerts allocation anomalies budgets compare cost_efficiency cost_explorer
GET  in  200 200 200 200 200 200 200 cost_explorer_csv cost_month costs demo_progress exports forecasts forecasts_ahead
GET  in  200 200 200 200 200 200 200 guardrails index jsi18n keys models openings palette password_change
GET  in  200 200 200 200 200 200 200 password_change_done performance picker price_history price_rates price_reviews
GET  in  200 200 200 200 200 200 200 prices providers rate_limits realtime realtime_live recent_requests requests
GET  in  200 200 200 200 200 200 200 requests_live routes sdk_changelog sdk_custom sdk_docs sdk_docs_first sdk_examples
GET  in  200 200 200 200 200 200 200 sdk_reference sdk_tutorial sdk_types sdk_versions sdks settings status
GET  in  200 200 200 200 200 200 200 tuning_evaluations tuning_files tuning_jobs tuning_sunsets usage
GET  in  200 200 200 200 200 200 200 analytics_{annotation,declaredtag}_changelist costs_budget_changelist
GET  in  200 200 200 200 200 200 200 gateway_{bodypolicy,cachepolicy}_changelist
GET  in  200 200 200 200 200 200 200 gateway_{guardrail,membership}_changelist gateway_{model,organization}_changelist
GET  in  200 200 200 200 200 200 200 gateway_{project,provider}_changelist gateway_{ratelimit,route}_changelist
GET  in  200 200 200 200 200 200 200 gateway_{team,virtualkey}_changelist
GET  in  200 200 200 200 200 200 302 analytics_{annotation,declaredtag}_{change,history}
GET  in  200 200 200 200 200 200 302 gateway_{bodypolicy,cachepolicy}_{change,history}
GET  in  200 200 200 200 200 200 302 gateway_{guardrail,model}_{change,history}
GET  in  200 200 200 200 200 200 302 gateway_{organization,project}_{change,history}
GET  in  200 200 200 200 200 200 302 gateway_{provider,route}_{change,history}
GET  in  200 200 200 200 200 200 404 guardrail key request route showback tuning_evaluation tuning_file
GET  in  200 200 200 200 200 200 404 tuning_file_diff tuning_job tuning_job_file
GET  in  200 403 200 200 200 200 200 key_add playground playground_worker gateway_virtualkey_add
GET  in  200 403 200 200 200 200 404 key_edit
GET  in  200 404 200 200 200 200 200 tuning_new
GET  in  302 200 200 200 200 200 302 costs_budget_{change,history} gateway_ratelimit_{change,history}
GET  in  302 200 302 200 200 200 302 showbacks costs_priceoverride_history gateway_{membership,team}_{change,history}
GET  in  302 200 302 200 200 200 302 gateway_virtualkey_{change,history}
GET  in  302 302 302 200 200 200 302 gateway_{auditevent,invitation}_history gateway_job_history
GET  in  302 302 302 302 302 302 302 app_list auth_group_history axes_{accessattempt,accessfailurelog}_history
GET  in  302 302 302 302 302 302 302 django_celery_beat_{clockedschedule,crontabschedule}_history
GET  in  302 302 302 302 302 302 302 django_celery_beat_{intervalschedule,periodictask}_history
GET  in  302 302 302 302 302 302 302 django_celery_beat_solarschedule_history
GET  in  302 302 302 302 302 302 302 gateway_{allowedupstream,heartbeat}_history
GET  in  302 302 302 302 302 302 302 gateway_{quarantinedline,securityevent}_history gateway_spoolcursor_history
GET  in  302 302 302 403 403 200 302 gateway_importrun_history
GET  in  403 200 200 200 200 200 200 recommendations reports
GET  in  403 200 200 200 200 200 404 recommendation report report_run
GET  in  403 200 403 200 200 200 200 compliance invoices price_commitments price_repricing sdk_usage security what_if
GET  in  403 200 403 200 200 200 200 costs_priceoverride_changelist
GET  in  403 200 403 200 200 200 302 costs_priceoverride_change
GET  in  403 200 403 200 200 200 404 invoice invoice_file
GET  in  403 403 200 200 200 200 200 alert_add report_add report_section analytics_annotation_add gateway_ratelimit_add
GET  in  403 403 200 200 200 200 302 analytics_annotation_delete gateway_ratelimit_delete
GET  in  403 403 200 200 200 200 404 alert_edit report_edit
GET  in  403 403 403 200 200 200 200 body_access imports price_preview route_add route_target analytics_declaredtag_add
GET  in  403 403 403 200 200 200 200 costs_{budget,priceoverride}_add gateway_{bodypolicy,cachepolicy}_add
GET  in  403 403 403 200 200 200 200 gateway_{guardrail,model}_add gateway_{project,provider}_add
GET  in  403 403 403 200 200 200 200 gateway_{route,team}_add gateway_invitation_{add,changelist}
GET  in  403 403 403 200 200 200 200 gateway_{auditevent,job}_changelist
GET  in  403 403 403 200 200 200 302 analytics_declaredtag_delete gateway_{auditevent,job}_change
GET  in  403 403 403 200 200 200 302 gateway_invitation_{change,delete} gateway_{bodypolicy,cachepolicy}_delete
GET  in  403 403 403 200 200 200 302 gateway_{guardrail,model}_delete gateway_{provider,route}_delete
GET  in  403 403 403 200 200 200 404 import import_rejected route_simulate
GET  in  403 403 403 403 403 200 403 comparisons components auth_group_{add,changelist}
GET  in  403 403 403 403 403 200 403 axes_accesslog_{change,changelist,delete,history}
GET  in  403 403 403 403 403 200 403 axes_{accessattempt,accessfailurelog}_changelist
GET  in  403 403 403 403 403 200 403 django_celery_beat_{clockedschedule,crontabschedule}_{add,changelist}
GET  in  403 403 403 403 403 200 403 django_celery_beat_{intervalschedule,periodictask}_{add,changelist}
GET  in  403 403 403 403 403 200 403 django_celery_beat_solarschedule_{add,changelist}
GET  in  403 403 403 403 403 200 403 gateway_{membership,organization}_add gateway_user_{add,change,changelist,history}
GET  in  403 403 403 403 403 200 403 gateway_allowedupstream_{add,changelist} gateway_importrun_{change,changelist}
GET  in  403 403 403 403 403 200 403 gateway_outboxmessage_{change,changelist,history}
GET  in  403 403 403 403 403 200 403 gateway_{heartbeat,quarantinedline}_changelist
GET  in  403 403 403 403 403 200 403 gateway_{securityevent,spoolcursor}_changelist
GET  in  403 403 403 403 403 302 403 auth_group_{change,delete} axes_{accessattempt,accessfailurelog}_{change,delete}
GET  in  403 403 403 403 403 302 403 django_celery_beat_{clockedschedule,crontabschedule}_{change,delete}
GET  in  403 403 403 403 403 302 403 django_celery_beat_{intervalschedule,periodictask}_{change,delete}
GET  in  403 403 403 403 403 302 403 django_celery_beat_solarschedule_{change,delete}
GET  in  403 403 403 403 403 302 403 gateway_{heartbeat,quarantinedline}_change
GET  in  403 403 403 403 403 302 403 gateway_{securityevent,spoolcursor}_change gateway_allowedupstream_{change,delete}
GET  in  403 403 403 403 403 403 403 autocomplete axes_{accessattempt,accessfailurelog}_add axes_accesslog_add
GET  in  403 403 403 403 403 403 403 costs_{budget,priceoverride}_delete gateway_{auditevent,heartbeat}_{add,delete}
GET  in  403 403 403 403 403 403 403 gateway_{importrun,job}_{add,delete}
GET  in  403 403 403 403 403 403 403 gateway_{outboxmessage,quarantinedline}_{add,delete}
GET  in  403 403 403 403 403 403 403 gateway_{securityevent,spoolcursor}_{add,delete}
GET  in  403 403 403 403 403 403 403 gateway_{membership,organization}_delete gateway_{project,team}_delete
GET  in  403 403 403 403 403 403 403 gateway_{user,virtualkey}_delete
GET  in  403 403 403 405 405 405 405 request_bodies
GET  in  403 403 405 405 405 405 405 alert_do report_archive report_preview report_send_again
GET  in  403 405 403 405 405 405 405 invoice_delete invoice_reconcile
GET  in  403 405 405 405 405 405 405 recommendation_do recommendation_search report_run_now
GET  in  403 409 409 409 409 409 404 report_run_file
GET  in  404 200 200 200 200 200 404 alert anomaly
GET  in  404 200 404 200 200 200 404 statement statement_file
GET  in  404 403 404 404 404 404 404 playground_sdk
GET  in  404 404 404 302 302 302 404 sdk_archive
GET  in  404 404 404 404 404 404 404 forecasts_csv performance_csv requests_values sdk_custom_archive sdk_guide
GET  in  404 404 404 404 404 404 404 sdk_method sdk_step sdk_type usage_csv view_on_site
GET  in  404 404 404 409 409 409 404 export_file
GET  in  405 403 405 405 405 405 405 playground_code playground_request
GET  in  405 405 405 405 405 405 405 allocation_rule_end anomaly_state export_cancel key_revoke key_rotate
GET  in  405 405 405 405 405 405 405 model_discover price_commitment_end provider_test sdk_build sdk_custom_check
GET  in  405 405 405 405 405 405 405 sdk_custom_operations shortcuts statement_mail statement_make theme
GET  in  405 405 405 405 405 405 405 tuning_evaluation_cancel tuning_file_do tuning_job_deploy tuning_job_do
GET  in  405 405 405 405 405 405 405 tuning_record tuning_record_cancel unit_values view_delete view_save
GET  in  200 200 200 200 200 200 200 account second_factor_add sudo tour
GET  in  403 403 403 200 200 200 200 audit_file privacy
GET  in  in  in  in  in  in  in  in  second-factor second-factor-first
GET  404 404 404 404 404 404 404 404 sso sso-callback
GET  in  403 403 403 403 403 200 403 ledger_archive
GET  in  405 405 405 405 405 405 405 recovery_codes second_factor_remove session_end sessions_end
POST 200 200 200 200 200 200 200 200 admin_password_reset api-redoc-script login password_reset_confirm
POST 302 200 200 200 200 200 200 200 logout
POST 401 401 401 401 401 401 401 401 mcp
POST 404 404 404 404 404 404 404 404 invitation report-unsubscribe
POST 405 405 405 405 405 405 405 405 api-docs api-redoc api-schema ledger-metrics password_reset_complete
POST 405 405 405 405 405 405 405 405 password_reset_done
POST in  200 200 200 200 200 200 200 cost_efficiency exports password_change sdk_custom sdk_custom_check
POST in  200 200 200 200 200 200 200 sdk_custom_operations analytics_{annotation,declaredtag}_changelist
POST in  200 200 200 200 200 200 200 costs_budget_changelist gateway_{bodypolicy,cachepolicy}_changelist
POST in  200 200 200 200 200 200 200 gateway_{guardrail,membership}_changelist gateway_{model,organization}_changelist
POST in  200 200 200 200 200 200 200 gateway_{project,provider}_changelist gateway_{ratelimit,route}_changelist
POST in  200 200 200 200 200 200 200 gateway_{team,virtualkey}_changelist
POST in  200 200 200 200 200 200 302 analytics_{annotation,declaredtag}_history
POST in  200 200 200 200 200 200 302 gateway_{bodypolicy,cachepolicy}_history gateway_{guardrail,model}_history
POST in  200 200 200 200 200 200 302 gateway_{organization,project}_history gateway_{provider,route}_history
POST in  200 200 200 200 200 200 404 guardrail
POST in  200 403 200 200 200 200 200 gateway_virtualkey_add
POST in  200 404 200 200 200 200 200 allocation tuning_evaluations tuning_files tuning_new
POST in  204 204 204 204 204 204 204 shortcuts
POST in  302 200 200 200 200 200 302 costs_budget_history gateway_ratelimit_history
POST in  302 200 302 200 200 200 302 costs_priceoverride_history gateway_{membership,team}_history
POST in  302 200 302 200 200 200 302 gateway_virtualkey_history
POST in  302 302 302 200 200 200 302 gateway_{auditevent,invitation}_history gateway_job_history
POST in  302 302 302 302 302 302 302 app_list sdk_build view_save auth_group_history
POST in  302 302 302 302 302 302 302 axes_{accessattempt,accessfailurelog}_history
POST in  302 302 302 302 302 302 302 django_celery_beat_{clockedschedule,crontabschedule}_history
POST in  302 302 302 302 302 302 302 django_celery_beat_{intervalschedule,periodictask}_history
POST in  302 302 302 302 302 302 302 django_celery_beat_solarschedule_history
POST in  302 302 302 302 302 302 302 gateway_{allowedupstream,heartbeat}_history
POST in  302 302 302 302 302 302 302 gateway_{quarantinedline,securityevent}_history gateway_spoolcursor_history
POST in  302 302 302 403 403 200 302 gateway_importrun_history
POST in  302 403 302 200 200 200 302 gateway_virtualkey_change
POST in  302 403 302 302 302 302 404 key_revoke key_rotate
POST in  302 404 302 302 302 302 302 tuning_record
POST in  302 404 302 302 302 302 404 tuning_evaluation_cancel tuning_record_cancel
POST in  400 400 400 400 400 400 400 theme
POST in  400 403 400 400 400 400 400 playground_code
POST in  403 200 403 200 200 200 200 costs_priceoverride_changelist
POST in  403 302 302 302 302 302 404 report_run_now
POST in  403 403 200 200 200 200 200 alert_add report_add report_preview analytics_annotation_add gateway_ratelimit_add
POST in  403 403 200 200 200 200 302 analytics_annotation_{change,delete} gateway_ratelimit_{change,delete}
POST in  403 403 200 200 200 200 404 alert_edit report_edit
POST in  403 403 302 302 302 302 404 alert_do report_archive report_send_again
POST in  403 403 403 200 200 200 200 imports price_commitments price_rates route_add analytics_declaredtag_add
POST in  403 403 403 200 200 200 200 costs_{budget,priceoverride}_add gateway_{bodypolicy,cachepolicy}_add
POST in  403 403 403 200 200 200 200 gateway_{guardrail,model}_add gateway_{project,provider}_add
POST in  403 403 403 200 200 200 200 gateway_{route,team}_add gateway_invitation_{add,changelist}
POST in  403 403 403 200 200 200 200 gateway_{auditevent,job}_changelist
POST in  403 403 403 200 200 200 302 analytics_declaredtag_delete costs_budget_change
POST in  403 403 403 200 200 200 302 gateway_{membership,organization}_change gateway_{project,team}_change
POST in  403 403 403 200 200 200 302 gateway_{bodypolicy,cachepolicy}_{change,delete}
POST in  403 403 403 200 200 200 302 gateway_{guardrail,model}_{change,delete} gateway_{provider,route}_{change,delete}
POST in  403 403 403 200 200 200 302 gateway_invitation_delete
POST in  403 403 403 200 200 200 404 provider_test request_bodies route route_simulate
POST in  403 403 403 302 302 302 302 price_repricing recommendation_search
POST in  403 403 403 302 302 302 404 price_commitment_end recommendation_do
POST in  403 403 403 403 403 200 403 auth_group_{add,changelist} axes_{accessattempt,accessfailurelog}_changelist
POST in  403 403 403 403 403 200 403 axes_accesslog_{changelist,delete,history}
POST in  403 403 403 403 403 200 403 django_celery_beat_{clockedschedule,crontabschedule}_{add,changelist}
POST in  403 403 403 403 403 200 403 django_celery_beat_{intervalschedule,periodictask}_{add,changelist}
POST in  403 403 403 403 403 200 403 django_celery_beat_solarschedule_{add,changelist}
POST in  403 403 403 403 403 200 403 gateway_{membership,organization}_add gateway_user_{add,change,changelist,history}
POST in  403 403 403 403 403 200 403 gateway_allowedupstream_{add,changelist} gateway_{heartbeat,importrun}_changelist
POST in  403 403 403 403 403 200 403 gateway_{quarantinedline,securityevent}_changelist gateway_spoolcursor_changelist
POST in  403 403 403 403 403 200 403 gateway_outboxmessage_{changelist,history}
POST in  403 403 403 403 403 302 403 auth_group_{change,delete} axes_accesslog_change
POST in  403 403 403 403 403 302 403 axes_{accessattempt,accessfailurelog}_{change,delete}
POST in  403 403 403 403 403 302 403 django_celery_beat_{clockedschedule,crontabschedule}_{change,delete}
POST in  403 403 403 403 403 302 403 django_celery_beat_{intervalschedule,periodictask}_{change,delete}
POST in  403 403 403 403 403 302 403 django_celery_beat_solarschedule_{change,delete} gateway_allowedupstream_delete
POST in  403 403 403 403 403 403 403 analytics_declaredtag_change axes_{accessattempt,accessfailurelog}_add
POST in  403 403 403 403 403 403 403 axes_accesslog_add costs_priceoverride_{change,delete} costs_budget_delete
POST in  403 403 403 403 403 403 403 gateway_{auditevent,heartbeat}_{add,change,delete}
POST in  403 403 403 403 403 403 403 gateway_{importrun,job}_{add,change,delete}
POST in  403 403 403 403 403 403 403 gateway_{outboxmessage,quarantinedline}_{add,change,delete}
POST in  403 403 403 403 403 403 403 gateway_{securityevent,spoolcursor}_{add,change,delete}
POST in  403 403 403 403 403 403 403 gateway_{allowedupstream,invitation}_change
POST in  403 403 403 403 403 403 403 gateway_{membership,organization}_delete gateway_{project,team}_delete
POST in  403 403 403 403 403 403 403 gateway_{user,virtualkey}_delete
POST in  403 403 403 403 403 404 403 price_reviews
POST in  403 403 403 403 403 405 403 comparisons components
POST in  403 403 403 404 404 404 404 model_discover
POST in  403 403 403 405 405 405 405 body_access import import_rejected
POST in  403 403 405 405 405 405 405 report_section
POST in  403 404 403 200 200 200 200 invoices
POST in  403 404 403 302 302 302 404 invoice_delete invoice_reconcile
POST in  403 405 403 405 405 405 405 compliance invoice invoice_file sdk_usage security what_if
POST in  403 405 405 405 405 405 405 recommendation recommendations report report_run report_run_file reports
POST in  404 302 302 302 302 302 404 anomaly_state
POST in  404 302 404 302 302 302 404 unit_values
POST in  404 403 404 200 200 200 200 playground_request
POST in  404 404 404 302 302 302 302 statement_make
POST in  404 404 404 302 302 302 404 allocation_rule_end export_cancel statement statement_mail
POST in  404 404 404 404 404 404 404 tuning_file_do tuning_job_deploy tuning_job_do view_delete view_on_site
POST in  405 403 405 405 405 405 405 playground playground_sdk playground_worker
POST in  405 405 405 405 405 405 405 alert alerts anomalies anomaly autocomplete budgets compare cost_explorer
POST in  405 405 405 405 405 405 405 cost_explorer_csv cost_month costs demo_progress export_file forecasts
POST in  405 405 405 405 405 405 405 forecasts_ahead forecasts_csv guardrails index jsi18n key keys models openings
POST in  405 405 405 405 405 405 405 palette password_change_done performance performance_csv picker price_history
POST in  405 405 405 405 405 405 405 price_preview prices providers rate_limits realtime realtime_live recent_requests
POST in  405 405 405 405 405 405 405 request requests requests_live requests_values route_target routes sdk_archive
POST in  405 405 405 405 405 405 405 sdk_changelog sdk_custom_archive sdk_docs sdk_docs_first sdk_examples sdk_guide
POST in  405 405 405 405 405 405 405 sdk_method sdk_reference sdk_step sdk_tutorial sdk_type sdk_types sdk_versions
POST in  405 405 405 405 405 405 405 sdks settings showback showbacks statement_file status tuning_evaluation
POST in  405 405 405 405 405 405 405 tuning_file tuning_file_diff tuning_job tuning_job_file tuning_jobs tuning_sunsets
POST in  405 405 405 405 405 405 405 usage usage_csv
POST in  422 403 422 422 422 422 404 key_edit
POST in  422 403 422 422 422 422 422 key_add
POST in  405 405 405 405 405 405 405 account tour
POST in  403 403 403 200 200 200 200 privacy
POST in  in  in  in  in  in  in  in  second-factor second-factor-first
POST in  200 200 200 200 200 200 200 second_factor_add sudo
POST 405 405 405 405 405 405 405 405 sso sso-callback
POST in  403 403 403 405 405 405 405 audit_file
POST in  403 403 403 403 403 200 403 ledger_archive
POST in  302 302 302 302 302 302 302 recovery_codes second_factor_remove session_end sessions_end
"""


@dataclass(frozen=True)
class Route:
    """A URL: its name, and its path with placeholders as Django writes them."""

    name: str
    path: str


def routes() -> Iterator[Route]:
    """All that the resolver knows outside the management API and has a name; `test_matrix_routes` has the rest."""
    for path, pattern in patterns():
        if pattern.name and not path.startswith(_ELSEWHERE):
            yield Route(pattern.name, path)


def patterns() -> Iterator[tuple[str, URLPattern]]:
    """Every URL that the resolver knows, as Django writes its path."""
    yield from _walk(get_resolver().url_patterns)


def _walk(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield path, pattern


def expected() -> dict[tuple[str, str], list[str]]:
    """The answers by route and method."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in TABLE.strip().splitlines():
        method, *cells = line.split()
        answers, names = cells[: len(CALLERS)], cells[len(CALLERS) :]
        for name in chain.from_iterable(map(_spelled, names)):
            assert (name, method) not in found, f"{method} {name} stands in two rows"
            found[name, method] = answers
    return found


def _spelled(name: str) -> Iterator[str]:
    """`a_{b,c}_d` → a_b_d, a_c_d."""
    before, brace, rest = name.partition("{")
    if not brace:
        yield name
        return
    choices, _, after = rest.partition("}")
    for choice in choices.split(","):
        yield from _spelled(f"{before}{choice}{after}")


# what a placeholder stands for: one of Acme's things (tests/gateway/api/places.py), by route where it differs
_THINGS = {
    "request_id": "request", "anomaly_id": "anomaly", "report_id": "report", "provider_id": "provider",
    "route_id": "route", "guardrail_id": "guardrail", "metric_id": "unit_metric", "key_id": "key",
    "commitment_id": "commitment", "statement_id": "statement", "team_id": "team",
    "recommendation_id": "recommendation", "invoice_id": "invoice", "file_id": "tuning_file",
    "evaluation_id": "evaluation", "recording_id": "recording", "run_id": "report_run", "delivery_id": "delivery",
    "job_id": "job", "rule_id": "alert",
}  # fmt: skip
_THINGS_OF = {
    ("allocation_rule_end", "rule_id"): "allocation_rule",
    ("import", "run_id"): "import",
    ("import_rejected", "run_id"): "import",
    ("export_file", "job_id"): "export",
    ("export_cancel", "job_id"): "export",
    ("sdk_archive", "job_id"): "sdk_build",
    ("sdk_custom_archive", "job_id"): "sdk_build",
}
_WORDS = {"form": "csv", "language": "python", "version": "1-0-0", "path": "index.py", "uidb64": "eA", "token": "x-y"}


def path_of(route: Route, company: factories.Acme, places: Places) -> str:
    """The path with Acme's things in it."""

    def filled(match: re.Match[str]) -> str:
        name = match.group(1).rpartition(":")[2]
        if name == "object_id":
            return object_of(route.name, company, places)
        thing = _THINGS_OF.get((route.name, name)) or _THINGS.get(name)
        return str(places[thing]) if thing else _WORDS.get(name, NOTHING)

    path = re.sub(r"\(\?P<app_label>[^)]*\)", "gateway", route.path)
    return "/" + re.sub(r"<([^>]+)>", filled, path).replace("^", "").replace("$", "").replace("\\Z", "")


# the same for pages of model admin, where a company has none to begin with
_ROWS = {
    "ratelimit": "rate_limit", "annotation": "annotation", "declaredtag": "declared_tag", "priceoverride": "override",
    "budget": "budget", "job": "export", "importrun": "import", "user": "bob_user",
}  # fmt: skip


def object_of(name: str, company: factories.Acme, places: Places) -> str:
    """The id of a row of Acme's, else of anybody's, of the model that a page of model admin is about."""
    for model in admin.site._registry:
        kind = str(model._meta.model_name)
        if name.startswith(f"{model._meta.app_label}_{kind}_"):
            if kind in _ROWS:
                return str(places[_ROWS[kind]])
            rows: Any = model._default_manager.all()
            row = next((row for owned in _owned(model, company) if (row := rows.filter(**owned).first())), rows.first())
            return str(row.pk) if row else "1"
    return NOTHING


def _owned(model: type[Model], company: factories.Acme) -> Iterator[Mapping[str, Any]]:
    """How the rows of Acme are found, whichever way the model names it."""
    fields = {field.name: field for field in model._meta.get_fields()}
    if model is Organization:
        yield {"pk": company.organization.pk}
    if "organization" in fields:
        yield {"organization": company.organization.pk}
    if "project" in fields and fields["project"].is_relation:
        yield {"project__organization": company.organization.pk}
