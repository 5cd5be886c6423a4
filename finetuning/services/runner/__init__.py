"""Jobs that the user's own machine trains: its folder, its token, and what it reports."""

from finetuning.services.runner.bundles import build_bundle
from finetuning.services.runner.reporting import report
from finetuning.services.runner.tokens import issue_token, link_of

__all__ = ["build_bundle", "issue_token", "link_of", "report"]
