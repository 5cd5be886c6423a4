"""What `manage.py doctor` checks: every dependency of an installation, each failure with its remedy.

A check is a function of no arguments that returns one `Finding`; it raises nothing and changes nothing.
"""

from collections.abc import Collection

from config.doctor import data, golive, host, work
from config.doctor.finding import Check, Finding, Outcome

CHECKS: tuple[Check, ...] = (
    host.python_version,
    host.packages,
    host.secrets,
    host.data_directory,
    host.spool_directory,
    host.vendored_files,
    data.embedded_programs,
    data.database,
    data.migrations,
    data.clock,
    host.redis_server,
    host.mail_server,
    host.public_port,
    data.rate_limits,
    data.ledger_writer,
    data.background,
    work.queue_lag,
    work.failed_jobs,
    work.outbox,
    data.silent_spools,
    data.quarantine,
    data.backup,
    data.ledger_archive,
    data.end_user_days,
    data.read_replica,
    golive.first_password,
    golive.rotation,
    golive.owners,
    golive.second_factors,
    golive.management_keys,
    golive.leavers,
    golive.delivered_mail,
    golive.prices,
    golive.budgets,
    golive.invoices,
)


def examine(only: Collection[str] | None = None) -> list[Finding]:
    """Run the checks in order, all or those with these names; a check that itself breaks is a failed finding, not the
    end of the examination."""
    return [_guarded(check) for check in CHECKS if only is None or check.__name__ in only]


def _guarded(check: Check) -> Finding:
    try:
        return check()
    except Exception as error:
        name = check.__name__.replace("_", " ")
        return Finding(name, Outcome.FAILED, f"{type(error).__name__}: {error}", "Run `manage.py doctor` again.")


__all__ = ["CHECKS", "Check", "Finding", "Outcome", "examine"]
