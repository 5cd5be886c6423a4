"""Columns of the ledger in COPY order, and the SQL that makes the partitioned table. Pure (no Django).

A new column is appended here, in the model and in a migration with a database default (rule 10).
"""

# name → SQL type; order is the COPY order.
COLUMNS: dict[str, str] = {
    "id": "uuid NOT NULL",
    "request_id": "text NOT NULL",
    "ledger_shard": "smallint NOT NULL",
    "booked_at": "timestamptz NOT NULL",
    "organization": "uuid NOT NULL",
    "team": "uuid",
    "project": "uuid NOT NULL",
    "api_key": "uuid",
    "user": "uuid",
    "end_user": "text",
    "tag_set": "jsonb",
    "kind": "text NOT NULL",
    "is_final": "boolean NOT NULL",
    "started_at": "timestamptz NOT NULL",
    "duration_ms": "double precision",
    "ttft_ms": "double precision",
    "output_ms": "double precision",
    "endpoint": "text NOT NULL",
    "is_stream": "boolean NOT NULL",
    "provider": "text",
    "model_requested": "text NOT NULL",
    "model_served": "text",
    "route": "text",
    "route_decision": "jsonb",
    "status": "text NOT NULL",
    "http_status": "smallint",
    "error_type": "text",
    "input_tokens": "bigint NOT NULL",
    "cache_read_tokens": "bigint NOT NULL",
    "cache_write_5m_tokens": "bigint NOT NULL",
    "cache_write_1h_tokens": "bigint NOT NULL",
    "output_tokens": "bigint NOT NULL",
    "reasoning_tokens": "bigint NOT NULL",
    "audio_input_tokens": "bigint NOT NULL",
    "audio_output_tokens": "bigint NOT NULL",
    "image_units": "bigint NOT NULL",
    "tool_calls": "bigint NOT NULL",
    "usage_source": "text NOT NULL",
    "charges": "jsonb NOT NULL",
    "cost": "numeric(20,10)",
    "list_cost": "numeric(20,10)",
    "currency": "text NOT NULL",
    "price_status": "text NOT NULL",
    "service_tier_requested": "text",
    "service_tier_served": "text",
    "cache_status": "text",
    "max_tokens": "bigint",
    "finish_reason": "text",
    "message_count": "integer",
    "tool_count": "integer",
    "sdk": "text",
    "client_ip_hash": "bytea",
    "origin": "text NOT NULL",
    "request_hmac": "bytea",
    "prefix_hmacs": "bytea",
    "corrects": "uuid",
    "request_count": "integer NOT NULL",
    "characters": "bigint NOT NULL",
    "audio_ms": "bigint NOT NULL",
    "sdk_about": "jsonb",
}

# Defaults that keep frames short: a frame leaves these out.
DEFAULTS: dict[str, object] = {
    "is_final": True,
    "is_stream": False,
    "input_tokens": 0,
    "cache_read_tokens": 0,
    "cache_write_5m_tokens": 0,
    "cache_write_1h_tokens": 0,
    "output_tokens": 0,
    "reasoning_tokens": 0,
    "audio_input_tokens": 0,
    "audio_output_tokens": 0,
    "image_units": 0,
    "tool_calls": 0,
    "charges": [],
    "currency": "USD",
    "origin": "gateway",
    "request_count": 1,
    "characters": 0,
    "audio_ms": 0,
}

TABLE = "gateway_ledgerline"


def create_sql() -> str:
    """The partitioned parent: no DEFAULT partition, no foreign key (rule 11); the id fixes `started_at` (rule 7).

    `gateway_uuid7_at` runs for every line inserted: through `float8` it takes a ninth of the time of interval
    arithmetic, and a millisecond stays exact until the year 2242 (below 2³³ s a double resolves half a microsecond).
    """
    columns = ",\n  ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    return f"""
CREATE FUNCTION gateway_uuid7_at(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
  to_timestamp(('x' || encode(substr(uuid_send(id), 1, 6), 'hex'))::bit(48)::bigint::float8 / 1000);
CREATE TABLE {TABLE} (
  {columns},
  PRIMARY KEY (ledger_shard, started_at, id),
  CONSTRAINT ledgerline_started_at_is_ids CHECK (started_at = gateway_uuid7_at(id)),
  CONSTRAINT ledgerline_unknown_price_has_no_cost CHECK ((price_status = 'unpriced') = (cost IS NULL)),
  CONSTRAINT ledgerline_adjustment_points CHECK ((kind = 'adjustment') = (corrects IS NOT NULL))
) PARTITION BY RANGE (started_at);
CREATE INDEX ledgerline_by_organization ON {TABLE} (organization, started_at DESC, id DESC);
CREATE INDEX ledgerline_by_request ON {TABLE} (request_id);
"""


DROP_SQL = f"DROP TABLE {TABLE}; DROP FUNCTION gateway_uuid7_at(uuid);"
