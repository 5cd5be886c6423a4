"""The page behind "no more of these mails": opened it asks, posted it does (RFC 8058); nobody has to sign in."""

from django.core import signing
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from analytics.reports.delivery import read_token
from analytics.reports.models import Report, Unsubscription


@csrf_exempt  # mail programs post without a cookie; the signed token is the right to do so
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET changes nothing: programs that follow links to check them unsubscribe nobody."""
    try:
        report_id, address = read_token(token)
    except signing.BadSignature:
        context = {"problem": "This link is not complete. Open it from the mail again."}
        return render(request, "reports/unsubscribe.html", context, status=404)
    report = Report.objects.filter(pk=report_id).first()
    if report is None:
        return render(request, "reports/unsubscribe.html", {"problem": "This report is gone."}, status=404)
    done = False
    if request.method == "POST":
        end(report, address)
        done = True
    response = render(request, "reports/unsubscribe.html", {"report": report, "address": address, "done": done})
    response["Referrer-Policy"] = "same-origin"
    return response


def end(report: Report, address: str) -> None:
    """Nothing more of this report to this address; once is enough."""
    try:
        with transaction.atomic():
            Unsubscription.objects.create(report=report, address=address)
    except IntegrityError:
        return
