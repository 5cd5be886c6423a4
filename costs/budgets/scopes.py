"""What a ledger line is about in each scope, as SQL over a line `l`. `%(tag)s` is the name of the tag."""

from costs.budgets import views

SUBJECTS = {
    views.ORGANIZATION: "l.organization::text",
    views.TEAM: "l.team::text",
    views.PROJECT: "l.project::text",
    views.KEY: "(SELECT coalesce(k.lineage_id, k.id)::text FROM gateway_virtualkey k WHERE k.id = l.api_key)",
    views.USER: 'l."user"::text',
    views.END_USER: "l.end_user",
    views.TAG: "(%(tag)s::text || '=' || (l.tag_set ->> %(tag)s::text))",
    views.MODEL: "l.model_served",
}


def is_each(value: str) -> bool:
    """Whether a budget of this scope value stands for each subject of its scope."""
    return value == views.EACH or value.endswith(f"={views.EACH}")
