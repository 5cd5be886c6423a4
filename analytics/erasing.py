"""Forgetting end users in the ledger's lines, in the figures that are kept of each, in alerts, and in files.

Lines, figures and admitted values change in one transaction that no refresh runs beside: figures equal the ledger
before and after, and no sum moves. What the lines keep of the person besides the name (hashes of the client's address
and of the content) goes with it.
"""

from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import TextField
from django.db.models.functions import Cast

from analytics.alerts.models import Alert, AlertEvent, AlertRule
from analytics.exports import service as exports
from analytics.exports.models import StoredFile
from analytics.models import AdmittedValue
from analytics.reports.models import Report, ReportDelivery, ReportMail
from analytics.rollups import cubes, ledger, state
from analytics.rollups.cubes import Grain
from gateway.choices import LimitScope
from gateway.erasure import Found, Subjects, allow_ledger_changes, rename_in, rename_in_json
from gateway.ledger import partitions
from gateway.ledger.schema import TABLE as LEDGER
from gateway.services.content import rename_scopes

END_USER = "end_user"
_NAMES = "(SELECT unnest(%(raw)s::text[]) AS raw, unnest(%(pseudonym)s::text[]) AS pseudonym) e"
_RENAME = (
    "UPDATE {table} l SET end_user = e.pseudonym, client_ip_hash = NULL, request_hmac = NULL, prefix_hmacs = NULL "
    f"FROM {_NAMES} WHERE l.organization = %(organization)s AND l.end_user IS NOT NULL "
    f"AND {ledger.subject('l.end_user')} = {ledger.subject('e.raw')}"
)


def erase_figures(subjects: Subjects) -> Found:
    """The eraser that runs last: afterwards nothing leads from the name to its calls. Of lines that came late the
    figures are made anew, since the name may be in use again."""
    found = Found(_erase_files(subjects))
    if subjects.since is None:
        found.counts |= _erase_alerts(subjects)
    with transaction.atomic():
        state.stop_refreshes()
        allow_ledger_changes(subjects.organization)
        found.counts |= _rename_all(subjects) if subjects.since is None else _rename_late(subjects)
        state.touch(subjects.organization)
    return found


def _rename_all(subjects: Subjects) -> dict[str, int]:
    """Every line that is there, also in tables that were taken out of the ledger; what is not there yet is in no
    figure either."""
    with connection.cursor() as cursor:
        lines = _rename_lines(cursor, LEDGER, subjects)  # first: a month that leaves meanwhile is found below
        gone = connection.connection  # psycopg's own, as partitions want it
        tables = [*partitions.leaving_tables(gone), *partitions.detached_tables(gone)]
        lines += sum(_rename_lines(cursor, table, subjects) for table in tables)
    admitted = AdmittedValue.objects.filter(organization=subjects.organization, name=END_USER)
    return {
        "ledger_lines": lines, "figures": sum(_rename_figures(table, subjects) for table in _tables()),
        "admitted_values": rename_in(admitted, "value", subjects),
    }  # fmt: skip


def _rename_late(subjects: Subjects) -> dict[str, int]:
    """Lines of `[since, before)` that came after the name was erased, with a mark for each of their buckets."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH late AS ({_RENAME.format(table=LEDGER)} AND l.started_at >= %(since)s AND l.started_at < %(before)s "
            "RETURNING l.started_at) INSERT INTO gateway_dirtymark (organization, grain, bucket) "
            "SELECT %(organization)s, %(grain)s, date_bin('15 minutes', started_at, timestamptz 'epoch') FROM late",
            {**_parameters(subjects), "grain": Grain.QUARTER_HOUR.value},
        )
        lines = int(cursor.rowcount)
        for name in subjects.names if lines else ():
            cursor.execute(
                f"DELETE FROM analytics_admittedvalue WHERE organization = %s AND name = '{END_USER}' AND value = %s "
                f"AND NOT EXISTS (SELECT FROM {LEDGER} WHERE organization = %s AND end_user = %s)",
                [subjects.organization, name, subjects.organization, name],
            )
    return {"ledger_lines": lines}


def _rename_lines(cursor: CursorWrapper, table: str, subjects: Subjects) -> int:
    cursor.execute(_RENAME.format(table=table), _parameters(subjects))
    return int(cursor.rowcount)


def _rename_figures(table: str, subjects: Subjects) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} t SET value = e.pseudonym FROM {_NAMES} WHERE t.organization = %(organization)s "
            f"AND t.name = '{END_USER}' AND t.value = {ledger.subject('e.raw')}",
            _parameters(subjects),
        )
        return int(cursor.rowcount)


def _tables() -> list[str]:
    return [*(cubes.SUBJECT.table(grain) for grain in cubes.SUBJECT.grains), cubes.FOREIGN_TABLES[Grain.QUARTER_HOUR]]


def _parameters(subjects: Subjects) -> dict[str, Any]:
    return {
        "organization": subjects.organization, "raw": subjects.names, "pseudonym": [*subjects.pseudonyms.values()],
        "before": subjects.before, "since": subjects.since,
    }  # fmt: skip


def _erase_alerts(subjects: Subjects) -> dict[str, int]:
    """Rules that watch them, and what was said of them: its text goes, when it happened and its figures stay."""
    own = {"organization": subjects.organization}
    rules = AlertRule.objects.filter(**own)
    changed = rename_scopes(rules, subjects)
    changed += rename_in_json(rules, "filters", subjects)
    said = 0
    for model in (Alert, AlertEvent):
        rows = model.objects.filter(rule__in=rules, rule__scope=LimitScope.END_USER)
        for name, pseudonym in subjects.pseudonyms.items():
            about = {"subject": pseudonym, "label": pseudonym, "text": ""}
            said += rows.filter(subject=name).update(**about)
            said += rows.filter(rule__scope_value=pseudonym).exclude(text="").update(text="")
    reports = rename_in_json(Report.objects.filter(**own), "sections", subjects)
    return {"alert_rules": changed, "alerts": said, "reports": reports}


def _erase_files(subjects: Subjects) -> dict[str, int]:
    """Files of exports, and drawn reports about end users: nobody looks into them, and both can be made again. A mail
    that is still on its way is left to the next look."""
    files = StoredFile.objects.filter(
        job__organization=subjects.organization, job__kind=exports.KIND, created_at__lt=subjects.before
    )
    return {"exported_files": files.delete()[1].get(StoredFile._meta.label, 0), "drawn_reports": _erase_drawn(subjects)}


@transaction.atomic
def _erase_drawn(subjects: Subjects) -> int:
    named = Report.objects.annotate(said=Cast("sections", TextField())).filter(said__contains=f'"{END_USER}"')
    waiting = ReportDelivery.objects.filter(message__delivered_at=None, message__dead_at=None, message__isnull=False)
    drawn = ReportMail.objects.filter(
        run__organization=subjects.organization, run__report__in=named, created_at__lt=subjects.before
    ).exclude(pk__in=waiting.filter(content__isnull=False).values("content"))
    gone = list(drawn.select_for_update(of=("self",)).values_list("pk", flat=True))
    ReportDelivery.objects.filter(content__in=gone).update(content=None)
    ReportMail.objects.filter(pk__in=gone).delete()
    return len(gone)
