"""How often one name's password may be tried in vain from all addresses together (OWASP ASVS 4.0.3, 2.2.1: no more than
100 failures in an hour on one account). Names are those of `throttle.counted_name`: unknown ones are counted, too.

An attempt is a row before its password is looked at, and is taken back when the password was right: so any number of
processes that try at once have the same bound. Rows older than an hour go with the next attempt, whoever makes it.
"""

from datetime import timedelta

from axes.models import AccessFailureLog
from django.utils import timezone

LIMIT = 50
WINDOW = timedelta(hours=1)


def begin(*, name: str) -> AccessFailureLog | None:
    """Counts an attempt; None when there is none left. Right passwords take nothing away from those before, since
    whoever guesses meanwhile would begin anew with each. Three queries, which must be committed at once."""
    since = timezone.now() - WINDOW
    AccessFailureLog.objects.filter(attempt_time__lte=since).delete()
    attempt = AccessFailureLog.objects.create(username=name)
    if AccessFailureLog.objects.filter(username=name, attempt_time__gt=since).count() <= LIMIT:
        return attempt
    attempt.delete()
    return None


def take_back(attempt: AccessFailureLog) -> None:
    """The password was right, or never looked at. One query."""
    attempt.delete()


def forget(*, name: str) -> None:
    """Nothing was tried: the account has another password, set by who reads its mail."""
    AccessFailureLog.objects.filter(username=name).delete()


def wait_s(*, name: str) -> int:
    """Seconds until an attempt is free again. One query."""
    times = list(AccessFailureLog.objects.filter(username=name).order_by("-attempt_time")
                 .values_list("attempt_time", flat=True)[:LIMIT])  # fmt: skip
    left = (times[-1] + WINDOW - timezone.now()).total_seconds() if len(times) == LIMIT else 0
    return max(1, int(left) + 1)
