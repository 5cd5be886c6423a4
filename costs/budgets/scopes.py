"""What a ledger line is about in each scope, as SQL over a line `l`. `%(tag)s` is the name of the tag."""

from gateway import scopes

SUBJECTS = {
    scopes.ORGANIZATION: "l.organization::text",
    scopes.TEAM: "l.team::text",
    scopes.PROJECT: "l.project::text",
    scopes.KEY: "(SELECT coalesce(k.lineage_id, k.id)::text FROM gateway_virtualkey k WHERE k.id = l.api_key)",
    scopes.USER: 'l."user"::text',
    scopes.END_USER: "l.end_user",
    scopes.TAG: "(%(tag)s::text || '=' || (l.tag_set ->> %(tag)s::text))",
    scopes.MODEL: "l.model_served",
}
