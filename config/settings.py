"""Django settings. Values come from `config.env`; this module only arranges them."""

from datetime import timedelta
from typing import Any

import environ
from csp.constants import NONE, SELF, UNSAFE_INLINE

from config import env as env_module
from config.env import BASE_DIR, running
from config.schedules import SCHEDULES

ENV = env_module.load()
DATA_DIR = ENV.data_dir
IS_PRODUCTION = ENV.profile == "production"
DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key
ALLOWED_HOSTS = list(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENV.csrf_trusted_origins)

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "gateway.apps.GatewayConfig",
    "analytics.apps.AnalyticsConfig",
    "costs",
    "finetuning",
    "sdkgen",
    "config.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_htmx",
    "django_structlog",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "gateway.middleware.RequestIdMiddleware",
    "config.staticfiles.StaticFilesMiddleware",
    "gateway.otlp.middleware.TracingMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


# ---- database: always PostgreSQL -------------------------------------------------------------------------------
def _database(url: str, pool: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = dict(environ.Env.db_url_config(url))
    found["ENGINE"] = "django.db.backends.postgresql"
    found["CONN_MAX_AGE"] = 0
    found["DISABLE_SERVER_SIDE_CURSORS"] = True  # PgBouncer in transaction mode (rule 23)
    options = {"pool": pool, "prepare_threshold": None, "connect_timeout": 5}
    found["OPTIONS"] = {**found.get("OPTIONS", {}), **options}
    return found


DATABASES = {
    "default": _database(ENV.database_url or "postgres:///gateway", {"min_size": 1, "max_size": 12, "timeout": 10})
}
if ENV.database_replica_url:  # `gateway.replica`: only figures are read there; one that is away costs a second
    DATABASES["replica"] = _database(ENV.database_replica_url, {"min_size": 0, "max_size": 12, "timeout": 1})
REPLICA_MAX_LAG_SECONDS: float = ENV.replica_max_lag_s
DATABASE_DIRECT_URL = ENV.database_direct_url
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- people -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "gateway.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "gateway.signin.backends.PasswordPolicy",
    "gateway.signin.backends.BoundedPasswords",
    "django.contrib.auth.backends.ModelBackend",
]
OIDC = ENV.oidc
PASSWORD_SIGN_IN: bool = ENV.password_sign_in
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if ENV.profile == "test":  # hundreds of people, each signed in once
    PASSWORD_HASHERS.insert(0, "django.contrib.auth.hashers.MD5PasswordHasher")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
SUDO_MINUTES: int = ENV.sudo_minutes
SESSION_ENGINE = "gateway.signin.engine"
SESSION_IDLE_MINUTES: int = ENV.session_idle_minutes
SESSION_COOKIE_AGE = ENV.session_max_hours * 3600
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # a name from all addresses: `gateway.services.guesses`
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "gateway.signin.throttle.counted_name"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_LOCKOUT_CALLABLE = "analytics.console.errors.locked_out"
CSRF_FAILURE_VIEW = "analytics.console.errors.csrf_failure"
# In production TLS ends at a proxy that GATEWAY_TRUSTED_PROXIES names: the data plane believes it alone, and tells the
# console, which nobody else reaches, how the caller came.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_PRODUCTION else None
SECURE_REDIRECT_EXEMPT = [
    r"^(?!admin/|sudo/|sign-in/|$)"
]  # programs beside it may call over HTTP; pages may not be read over it
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_PRODUCTION else 0
if IS_PRODUCTION:  # browsers take these from this host alone, over HTTPS
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# ---- language, time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
SILENCED_SYSTEM_CHECKS = [
    "models.W046",
    "security.W005",  # HSTS of other names below this one's domain is not the gateway's to decide
    "security.W021",  # nor is their place on browsers' lists
]

# ---- static files, content security ------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = ENV.static_root
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = DATA_DIR / "media"
# plotly.js needs inline styles and blob: images (its own strict mode asks for the same); scripts stay 'self'.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "worker-src": ["blob:"],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "object-src": [NONE],
    }
}

# ---- management API ----------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "gateway.api.authentication.ManagementKeyAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "gateway.api.parsers.BoundedJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["gateway.api.permissions.RolePermission"],
    "DEFAULT_PAGINATION_CLASS": "gateway.api.pagination.PagePagination",
    "DEFAULT_FILTER_BACKENDS": [
        "gateway.api.filters.StrictFilters",
        "gateway.api.filters.StrictSearch",
        "gateway.api.ordering.StrictOrdering",
    ],
    "DEFAULT_SCHEMA_CLASS": "gateway.api.openapi.GatewaySchema",
    "DEFAULT_METADATA_CLASS": "gateway.api.metadata.PlainMetadata",
    "EXCEPTION_HANDLER": "gateway.api.problems.problem_response",
    "DEFAULT_VERSIONING_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,  # `format` is a column of lists: DRF would take it for the name of a renderer
    "COERCE_DECIMAL_TO_STRING": True,
    "NUM_PROXIES": 0,  # throttles count by REMOTE_ADDR; a forwarded header of the caller never names the bucket
    "DEFAULT_THROTTLE_RATES": {"sign_in": "30/min", "mail": "10/min"},
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "CHECK_REVOKE_TOKEN": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "LLM Gateway management API",
    "DESCRIPTION": "Identity, catalog, ledger and analytics of the LLM Gateway. Money is a decimal string, "
    "times are RFC 3339 in UTC, intervals are half-open. Errors are RFC 9457 problem details.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ExportFormatEnum": "analytics.exports.formats.NAMES",
        "FilterOpEnum": "analytics.query.values.OPERATORS",
        "ProviderKindEnum": "gateway.choices.ProviderKind",
        "LineKindEnum": "gateway.choices.LineKind",
        "LineStatusEnum": "gateway.choices.LineStatus",
        "JobStatusEnum": "gateway.choices.JobStatus",
        "ReportPeriodEnum": "analytics.reports.models.Period",
        "BudgetPeriodEnum": "costs.choices.BudgetPeriod",
        "RouteStrategyEnum": "gateway.choices.RouteStrategy",
        "CircuitEnum": "gateway.dataplane.breaker.STATES",
        "IdentityEnum": "gateway.dataplane.routing.policy.IDENTITIES",
        "AnomalyStateEnum": "analytics.anomalies.models.AnomalyState",
        "AnomalySeverityEnum": "analytics.anomalies.models.Severity",
        "AnomalyMetricEnum": "analytics.anomaly.watch.METRICS",
        "AnomalyScopeEnum": "analytics.anomaly.frame.SCOPES",
        "EndpointEnum": "gateway.dataplane.endpoints.ENDPOINTS",
        "GranularityEnum": "analytics.api.serializers.questions.GRANULARITIES",
        "AllocationMethodEnum": "costs.allocation.rules.METHODS",
        "TuningMethodEnum": "finetuning.choices.METHODS",
        "TuningStatusEnum": "finetuning.choices.TuningStatus",
        "ForecastGranularityEnum": "analytics.outlook.history.GRAINS",
        "OriginEnum": "gateway.choices.Origin",
        "ActionEnum": "gateway.choices.GuardrailAction",
        "TuningFileFormatEnum": "finetuning.choices.FileFormat",
        "TuningFileOriginEnum": "finetuning.choices.FileOrigin",
        "TuningFileStatusEnum": "finetuning.choices.FileStatus",
        "TuningUploadStatusEnum": "finetuning.services.files.uploads.STATES",
        "CanaryGuardEnum": "finetuning.choices.CanaryGuard",
        "CanaryStateEnum": "finetuning.choices.CanaryState",
        "DatasetSeverityEnum": "finetuning.quality.kinds.SEVERITIES",
        "SdkLanguageEnum": "sdkgen.languages.registry.IDS",
        "VerdictEnum": "analytics.api.serializers.models.VERDICTS",
        "SdkVerdictEnum": "sdkgen.releases.VERDICTS",
        "SdkChangeKindEnum": "sdkgen.versions.guide.KIND_IDS",
        "SdkChangeLevelEnum": "sdkgen.versions.guide.LEVEL_IDS",
        "SdkChangeDirectionEnum": "sdkgen.versions.guide.DIRECTION_IDS",
        "SdkTypeKindEnum": "sdkgen.documentation.types.KINDS",
    },
    "PREPROCESSING_HOOKS": ["gateway.api.openapi.strip_slashes"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gateway.api.links.declare_links",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# ---- background work ---------------------------------------------------------------------------------------------
REDIS_URL = ENV.redis_url
CELERY_BROKER_URL = ENV.redis_url or "memory://localhost/"
if ENV.redis_url:
    CELERY_BROKER_TRANSPORT = "config.broker.Transport"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 1_800  # s; `config.watch` ends a process whose task takes longer, as Celery's threads cannot
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_ORGANIZATION_SHARDS: int = ENV.organization_shards  # `gateway.queues`
# Long work of one kind does not hold up the others; `run_background --queues` gives a process some of them.
CELERY_TASK_ROUTES = {
    name: {"queue": queue}
    for queue, names in {
        "ledger": ("gateway.audit_seal", "gateway.usage_imports", "costs.repricing", "costs.commitments",
                   "finetuning.book_hosting"),
        "rollup": ("analytics.rollup_marks", "analytics.prune_*", "analytics.follow_reporting_zones",
                   "analytics.retire_ledger", "analytics.archive_ledger", "analytics.reconcile",
                   "analytics.archive_work", "gateway.erase_in_archives"),
        "scan": ("analytics.scan_anomalies", "analytics.forecast", "analytics.alerts", "costs.budget_forecasts",
                 "costs.find_savings"),
        "reports": ("analytics.exports", "analytics.purge_exports", "analytics.schedule_reports",
                    "analytics.report_runs"),
    }.items()
    for name in names
}  # fmt: skip
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = SCHEDULES
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"  # editable in the admin
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # RequestIdMiddleware has checked or made it

# ---- cache, mail -------------------------------------------------------------------------------------------------
CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": ENV.redis_url,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},  # a Redis that hangs is one that is away
        }
        if ENV.redis_url
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "gateway"}
    )
}
if ENV.email_url:
    vars().update(environ.Env.email_url_config(ENV.email_url))
else:
    EMAIL_BACKEND = "config.mailfiles.PrivateFileBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = "LLM Gateway <gateway@localhost>"

# ---- the gateway itself ------------------------------------------------------------------------------------------
KEY_PEPPERS = ENV.key_peppers
FIELD_ENCRYPTION_KEYS = list(ENV.field_encryption_keys)
BACKUP_MAX_AGE_HOURS = ENV.backup_max_age_hours
SECRETS_FILE = ENV.secrets_file
SECRETS_FROM_FILE = ENV.secrets_from_file  # those follow the file while the process runs
CONSOLE_URL = ENV.console_url or f"http://127.0.0.1:{ENV.port}"
GATEWAY_TRUSTED_PROXIES = list(ENV.trusted_proxies)
GATEWAY_PRIVATE_UPSTREAMS = list(ENV.private_upstreams)
GATEWAY_UPSTREAM_PROXY = ENV.upstream_proxy
SPOOL_DIR = DATA_DIR / "spool"
CONSOLE_SOCKET = ENV.console_socket
# The stages a request passes, in order (architecture: "The way of one request").
GATEWAY_STAGES = [
    "gateway.dataplane.stages.authenticate",
    "gateway.otlp.tracing.trace",
    "gateway.dataplane.stages.resolve",
    "finetuning.dataplane.fallback.add_fallbacks",
    "gateway.dataplane.limits.stage.limit",
    "gateway.dataplane.idempotency.stage.once",
    "finetuning.dataplane.dicl.show_examples",
    "gateway.dataplane.guard.stage.guard_input",
    "gateway.dataplane.bodies.capture.log_bodies",
    "gateway.dataplane.cache.stage.respond_from_cache",
    "costs.budgets.stage.hold",
    "gateway.dataplane.stages.route",
    "finetuning.dataplane.dicl.show_examples",
    "gateway.dataplane.counting.count_here",
]
# Configuration that apps bring into the data plane's snapshot, and what lives as long as its process.
GATEWAY_SNAPSHOT_LOADERS = [
    "gateway.dataplane.cache.policy.PolicyLoader",
    "gateway.dataplane.guard.rules.RulesLoader",
    "gateway.dataplane.bodies.capture.BodyPolicyLoader",
    "gateway.dataplane.quality.QualityLoader",
    "gateway.dataplane.limits.loading.LimitLoader",
    "costs.budgets.loading.BudgetLoader",
    "finetuning.dataplane.serving.TunedModelLoader",
]
GATEWAY_SERVICES = [
    "gateway.dataplane.cache.service.CacheService",
    "gateway.dataplane.idempotency.service.IdempotencyService",
    "gateway.dataplane.guard.service.GuardService",
    "gateway.dataplane.bodies.service.BodyService",
    "gateway.dataplane.healthchecks.HealthChecks",
    "gateway.dataplane.batches.keeper.BatchKeeper",
    "gateway.dataplane.exposition.Publisher",
    "gateway.dataplane.limits.service.LimitService",
    "gateway.dataplane.breaker_sharing.BreakerSharing",
    "costs.budgets.clerk.BudgetClerk",
    "finetuning.dataplane.serving.TunedModels",
    "gateway.otlp.exporter.Exporter",
]
# Data-plane paths that call no model: path → handler.
GATEWAY_MOUNTS = {
    "/metrics": "gateway.dataplane.exposition.Exposition",
    "/otlp/v1/traces": "gateway.otlp.receiver.Traces",
    "/v1/feedback": "gateway.dataplane.feedback.Feedback",
    "/v1/files": "finetuning.dataplane.files.AllFiles",
    "/v1/files/": "finetuning.dataplane.files.AllFiles",
    "/v1/uploads": "finetuning.dataplane.forward.ForwardToConsole",
    "/v1/uploads/": "finetuning.dataplane.forward.ForwardToConsole",
    "/v1/fine_tuning/jobs": "finetuning.dataplane.forward.ForwardToConsole",
    "/v1/fine_tuning/jobs/": "finetuning.dataplane.forward.ForwardToConsole",
    "/v1/batches": "gateway.dataplane.batches.front.Batches",
    "/v1/batches/": "gateway.dataplane.batches.front.Batches",
}
METRICS_TOKEN = ENV.metrics_token
GATEWAY_OTLP_ENDPOINT = ENV.otlp_endpoint
GATEWAY_OTLP_HEADERS = ENV.otlp_headers
GATEWAY_OTLP_SERVICE_NAME = ENV.otlp_service_name
GATEWAY_OTLP_SAMPLE_RATIO = ENV.otlp_sample_ratio
GATEWAY_OTLP_METRICS_INTERVAL_S = ENV.otlp_metrics_interval_s
GATEWAY_CACHE_MEMORY_BYTES = ENV.cache_memory_bytes
GATEWAY_IDEMPOTENCY_MAX_BYTES = ENV.idempotency_max_bytes
GATEWAY_ADAPTERS = {
    "openai": "gateway.dataplane.adapters.openai.OpenAIAdapter",
    "anthropic": "gateway.dataplane.adapters.anthropic.AnthropicAdapter",
    "azure": "gateway.dataplane.adapters.azure.AzureAdapter",
    "google": "gateway.dataplane.adapters.gemini.GeminiAdapter",
    "bedrock": "gateway.dataplane.adapters.bedrock.BedrockAdapter",
    "local-head": "finetuning.dataplane.localhead.LocalHeadAdapter",
}
GATEWAY_IMPORT_LIMIT_BYTES = ENV.import_limit_bytes
EXPORT_RETENTION_DAYS: int = ENV.export_retention_days
# Where background work reaches the data plane.
GATEWAY_INTERNAL_URL = ENV.internal_url or f"http://127.0.0.1:{running(ENV.data_dir).get('port') or ENV.port}"
NARRATOR_URL = ENV.narrator_url
NARRATOR_KEY = ENV.narrator_key
NARRATOR_MODEL = ENV.narrator_model
ANALYTICS_PATIENCE_S = 2.0  # what takes longer becomes a job
# What apps add to the transactions of the ledger writer.
GATEWAY_BOOKERS = ["costs.budgets.booking.book_budgets", "costs.latetruths.offer_repricing"]
GATEWAY_SPOOL_CLOSERS = ["costs.budgets.booking.release_owner"]
GATEWAY_LEASED = "costs.services.leases.leased_by"
GATEWAY_NEW_ORGANIZATION = ["analytics.alerts.defaults.create_defaults"]
# relations of keys that an app makes for minutes: lists leave them out once they are over
GATEWAY_PASSING_KEYS = ["playground"]
# What forgets an end user, in this order; `erase_figures` renames the lines by which those before it find what is
# theirs.
GATEWAY_ERASERS = [
    "finetuning.erasing.name_training_files",
    "gateway.services.content.erase_content",
    "analytics.erasing.erase_figures",
    "costs.erasing.erase_budgets",
]
GATEWAY_OUTBOX_HANDLERS = {
    "mail": "gateway.services.outbox.deliver_mail",
    "report": "analytics.reports.delivery.deliver",
    "alert": "analytics.alerts.delivery.deliver",
    "tuning": "finetuning.services.jobs.notifying.deliver",
    "statement": "costs.services.statementmail.deliver",
}
GATEWAY_PROCESSES = ENV.processes
LEDGER_RETENTION_DAYS: int = ENV.ledger_retention_days
LEDGER_ARCHIVE = ENV.archive
GATEWAY_STALE_AFTER_S = ENV.stale_after_s
GATEWAY_HEAD_TIMEOUT_S = ENV.head_timeout_s
GATEWAY_KEEP_ALIVE_S: int = ENV.keep_alive_s
GATEWAY_MAX_CONNECTIONS = ENV.max_connections
GATEWAY_BODY_TIMEOUT_S = ENV.body_timeout_s
GATEWAY_BUDGET_WAIT_S = ENV.budget_wait_s
GATEWAY_DEFAULT_OUTPUT_CAP = ENV.default_output_cap
GATEWAY_BATCH_CHECK_S = ENV.batch_check_s
PRICES_URL = ENV.prices_url
SUPPORT_CONTACT = ENV.support_contact
GATEWAY_PRICER = "costs.pricer.BookPricer"
GATEWAY_CONVERTER = "costs.currencies.convert.conversion_of"
# Who trains: backend → class with the methods of `finetuning.backends.TuningBackend`.
FINETUNING_BACKENDS = {
    "openai": "finetuning.backends.openai.OpenAIBackend",
    "azure": "finetuning.backends.azure.AzureBackend",
    "together": "finetuning.backends.together.TogetherBackend",
    "fireworks": "finetuning.backends.fireworks.FireworksBackend",
    "vertex": "finetuning.backends.vertex.VertexBackend",
    "runner": "finetuning.backends.runner.RunnerBackend",
    "local-head": "finetuning.backends.localhead.LocalHeadBackend",
    "dicl": "finetuning.backends.dicl.DiclBackend",
}
# What apps contribute to the console; a path of yours adds pages and navigation entries (`gateway.console`).
ANALYTICS_PROVIDERS = [
    "analytics.console.provider.AnalyticsConsole",
    "gateway.console.provider.GatewayConsole",
    "costs.console.provider.CostsConsole",
    "finetuning.console.provider.FinetuningConsole",
    "sdkgen.console.provider.SdkConsole",
]

LOGGING_CONFIG = None
