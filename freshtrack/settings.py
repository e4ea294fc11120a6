"""Every setting, read from the environment once. `.env.example` lists them; there are no dev and prod twins."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- where we are -----------------------------------------------------------------------------------------------
HOME = Path(env.str("FRESHTRACK_HOME", default=str(BASE_DIR / ".freshtrack"))).resolve()
PORT = env.int("PORT", default=8000)
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")

# --- the frame --------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY")  # no default: `make up` makes one, production must
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # former keys, until nothing is left under them
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
ROOT_URLCONF = "freshtrack.urls"
ASGI_APPLICATION = "freshtrack.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
APPEND_SLASH = False  # a POST without its slash must be answered, not redirected into a GET
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "daphne",  # first: its runserver replaces Django's
    "unfold.apps.BasicAppConfig",  # before admin, whose templates it overrides; the default would bring its own site
    "unfold.contrib.filters",
    "freshtrack.apps.StaffConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "channels",
    "django_celery_beat",
    "djstripe",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.apple",
    "allauth.socialaccount.providers.openid_connect",
    "freshtrack.apps.FrameConfig",
    "organizations",
    "sensors",
    "notifications",
    "alerts",
    "maintenance",
    "compliance",
    "billing",
    "ingest",
    "live",
]

MIDDLEWARE = [
    "freshtrack.requests.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "organizations.accounts.door.SignInDoor",  # inside allauth's, whose adapters it asks
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

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
            ]
        },
    }
]

# --- storage ----------------------------------------------------------------------------------------------------


def database(variable: str) -> dict[str, Any]:
    """Read a database address. `?host=/folder` (a socket folder) becomes HOST, so that dbshell sees it too."""
    config: dict[str, Any] = env.db(variable)
    options = config.setdefault("OPTIONS", {})
    if not config["HOST"] and "host" in options:
        config["HOST"] = options.pop("host")
    if env.bool("DATABASE_POOL", default=True):
        # Under ASGI each request runs in a thread of its own; without a pool each would open its own connection.
        options["pool"] = {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=10),
            "timeout": 5,
            # The pool waits twice as long after each failed attempt, until this time is over and it begins anew. With
            # its default of five minutes a process stays away for a minute after the database was away for one.
            "reconnect_timeout": 5,
        }
    config["CONN_HEALTH_CHECKS"] = True  # a restarted server leaves dead connections in the pool
    options.setdefault("connect_timeout", 5)
    config["DISABLE_SERVER_SIDE_CURSORS"] = True  # PgBouncer in transaction mode has no cursors across transactions
    return config


DATABASES = {"default": database("DATABASE_URL")}
# The ingest writer prepares its statements, unless it finds a pooler between itself and PostgreSQL.
DATABASE_PREPARES = env.bool("DATABASE_PREPARES", default=True)
if env.str("TEST_DB_TEMPLATE", default=""):
    # A migrated template: dj-stripe's migrations alone take a minute.
    DATABASES["default"]["TEST"] = {"TEMPLATE": env.str("TEST_DB_TEMPLATE")}

REDIS_URL = env.str("REDIS_URL")
REDIS_PREFIX = env.str("REDIS_PREFIX", default="ft")  # one Redis may serve several installations
CACHES = {
    "default": {
        "BACKEND": "freshtrack.cache.ForgetfulRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{REDIS_PREFIX}:cache",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Vite names the web app's files by their content; a manifest would only rename the admin's.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(HOME / "static")))
WEB_APP = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [("spa", WEB_APP)] if WEB_APP.exists() else []
WHITENOISE_USE_FINDERS = True
WHITENOISE_ROOT = None


def WHITENOISE_IMMUTABLE_FILE_TEST(path: str, url: str) -> bool:
    """Files whose name contains a hash of their content may be cached for ever."""
    return "/spa/assets/" in url


# --- live -------------------------------------------------------------------------------------------------------
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # redis-py's default time-out of 5 s equals the layer's blocking read and would end idle sockets.
            "hosts": [{"address": REDIS_URL, "socket_timeout": 30, "socket_connect_timeout": 2}],
            "prefix": f"{REDIS_PREFIX}:live",
        },
    }
}
LIVE_FLUSH_MS = env.int("LIVE_FLUSH_MS", default=200)
LIVE_HEARTBEAT_S = 25  # below the 30 to 60 s after which proxies drop silent connections
LIVE_SOCKETS_PER_USER = env.int("LIVE_SOCKETS_PER_USER", default=500)

# --- background work --------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{REDIS_PREFIX}:celery:",
    # A job whose worker died is given to another after this time, longer than any job may take (1860 s:
    # sensors.retire_partitions); the sweeps are there for what is urgent.
    "visibility_timeout": 2000,
    # Of whoever rings: else it tries for six seconds to reach a broker that is away. Workers and beat have their own.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # outcomes are rows
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False  # ringing must not hold up the one who rings; a sweep finds the row
# Queues by urgency (notifications.models.Urgency), each with workers of its own in production: what wakes a person
# never waits behind a digest. The sweeps that open alerts and tell of them are urgent, housekeeping is bulk.
QUEUES = ("urgent", "default", "bulk")
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "notifications.sweep": {"queue": "urgent"},
    "alerts.sweep_due": {"queue": "urgent"},
    "alerts.sweep_silence": {"queue": "urgent"},
    "alerts.audit": {"queue": "default"},
    "alerts.end_overrides": {"queue": "default"},
    "alerts.expire_swaps": {"queue": "default"},
    "alerts.tell_coverage": {"queue": "bulk"},
    "sensors.sweep_silent": {"queue": "default"},
    "sensors.roll_up": {"queue": "default"},
    "sensors.retire_partitions": {"queue": "bulk"},
    "sensors.make_partitions": {"queue": "bulk"},
    "ingest.sweep_quarantine": {"queue": "bulk"},
    "notifications.sweep_digests": {"queue": "bulk"},
    "organizations.purge": {"queue": "bulk"},
    "organizations.forget_answers": {"queue": "bulk"},
    "organizations.forget_failures": {"queue": "bulk"},
    # Whoever sends these says where: a bell is as urgent as its messages, a heartbeat is of one queue.
    "notifications.drain": {"queue": "default"},
    "organizations.heartbeat": {"queue": "default"},
}
# At the soft limit a job is told to end, at the hard one its process is killed. Every one is below the broker's
# visibility time-out, or a second worker would begin what the first is still at.
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_ANNOTATIONS = {
    "organizations.heartbeat": {"soft_time_limit": 10, "time_limit": 20},
    "notifications.sweep": {"soft_time_limit": 20, "time_limit": 30},
    # As long as a provider needs to refuse a whole claim by time-outs: cut off earlier, messages would go twice.
    "notifications.drain": {"soft_time_limit": 900, "time_limit": 960},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Asked to stop, a worker finishes its jobs; what runs longer than this goes back to the queue (organizations/jobs.py).
WORKER_GRACE_S = env.int("WORKER_GRACE_S", default=30)
CELERY_BEAT_SCHEDULER = "organizations.scheduler:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_RESULT_EXPIRES = None  # there are none; otherwise beat would ring every night to remove them
# What beat rings for, until staff say otherwise: rows of the admin's "Scheduled tasks", laid by
# `manage.py lay_schedules` (organizations/timetable.py). Not CELERY_BEAT_SCHEDULE, which would undo what staff
# changed at every start of beat.
TIMETABLE = {
    "deliver what was promised": {"task": "notifications.sweep", "schedule": timedelta(seconds=5)},
    "send digests": {"task": "notifications.sweep_digests", "schedule": timedelta(minutes=1)},
    "end overrides that expired": {"task": "alerts.end_overrides", "schedule": timedelta(seconds=10)},
    "tell of alerts that are due": {"task": "alerts.sweep_due", "schedule": timedelta(seconds=5)},
    "end offers of shifts": {"task": "alerts.expire_swaps", "schedule": timedelta(minutes=1)},
    "prove that nobody is forgotten": {"task": "alerts.audit", "schedule": timedelta(minutes=1)},
    "tell owners what might reach nobody": {"task": "alerts.tell_coverage", "schedule": timedelta(minutes=10)},
    "notice silent sensors": {"task": "sensors.sweep_silent", "schedule": timedelta(seconds=30)},
    "alert of silence": {"task": "alerts.sweep_silence", "schedule": timedelta(seconds=15)},
    "remove old refused readings": {"task": "ingest.sweep_quarantine", "schedule": timedelta(minutes=10)},
    "sum readings up": {"task": "sensors.roll_up", "schedule": timedelta(seconds=20)},
    "make partitions ahead": {"task": "sensors.make_partitions", "schedule": timedelta(minutes=15)},
    "drop readings that nobody must keep": {"task": "sensors.retire_partitions", "schedule": timedelta(days=1)},
    "purge deleted organizations": {"task": "organizations.purge", "schedule": timedelta(minutes=5)},
    "forget old answers": {"task": "organizations.forget_answers", "schedule": timedelta(hours=1)},
    "forget old failures": {"task": "organizations.forget_failures", "schedule": timedelta(hours=1)},
    # Each queue's workers show that they are there; beat shows itself.
    **{
        f"heartbeat of {queue}": {
            "task": "organizations.heartbeat",
            "schedule": timedelta(seconds=10),
            "args": [queue],
            "queue": queue,
        }
        for queue in QUEUES
    },
}

# --- people -----------------------------------------------------------------------------------------------------
# What a new organization starts with, and who sends its letters: functions of rooms above organizations/, which it
# can't import. They are called inside the transaction.
FURNISHINGS = ["alerts.profiles.lay_default_rules", "alerts.escalation.defaults.lay_default_policies"]
OUTBOX = "notifications.letters.promise_letter"
# What carries messages to each kind of address: modules with the names of notifications/channels/__init__.py.
CHANNELS = {"email": "notifications.channels.email.sending"}
# What each room tells in a digest, in this order (notifications/digests/sections.py).
DIGEST_SECTIONS = ["alerts.digest.section", "sensors.digest.section"]
# So many messages to one address within a minute; what comes beyond is put together (Note [Storms]).
SUMMARY_AFTER = env.int("SUMMARY_AFTER", default=10)
HEARTBEAT_URL = env.str("HEARTBEAT_URL", default="")  # asked each minute in which nobody is forgotten (Note [Auditor])
NEWCOMERS = ["notifications.people.keep_sign_in_address"]  # each with the user whose address was proved elsewhere
INVITATION_DAYS = env.int("INVITATION_DAYS", default=7)
AUTH_USER_MODEL = "organizations.User"
AUTHENTICATION_BACKENDS = ["organizations.accounts.passwords.PasswordBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "notifications.accounts.MailingAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "organizations.accounts.forms.NameForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "organizations.accounts.adapter.display_name"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A code, not a link: whoever signs up with somebody else's address never sees it, and its owner clicks on nothing.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = 3
ACCOUNT_CHANGE_EMAIL = True  # one address: a new one replaces the old once it is verified
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True  # a message also where there is no account: the same work, the same answer
ACCOUNT_EMAIL_NOTIFICATIONS = True  # the owner hears of a changed password, a new second factor, a new address
ACCOUNT_PREVENT_ENUMERATION = True
PASSWORD_RESET_TIMEOUT = 4 * 3600
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
ACCOUNT_SESSION_REMEMBER = True
RATE_SIGN_IN = env.str("RATE_SIGN_IN", default="10/min")
SIGN_IN_MISTAKES = env.int("SIGN_IN_MISTAKES", default=10)
RATE_ACCOUNT_MAIL = env.str("RATE_ACCOUNT_MAIL", default="20/hour")
# Pages of links in messages that one person opens, and wrong ones from one address.
RATE_LINKS = env.str("RATE_LINKS", default="60/min")
_number, _, _unit = RATE_ACCOUNT_MAIL.partition("/")
_to_one_mailbox = f"{_number.strip()}/{_unit.strip()[:1]}/key"
# What allauth counts itself; organizations/accounts/door.py has the rest.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "signup": None,
    "reset_password": _to_one_mailbox,
    "reset_password_from_key": None,
    "confirm_email": _to_one_mailbox,
    # Wrong second factors of one account from everywhere: six digits stand a day of this a million times a year.
    "login_failed": "5/5m/key,50/d/key",
}
MFA_ADAPTER = "organizations.two_factor.EncryptingAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # the code before and the one after: phones' clocks differ
MFA_RATE_LIMITS = {"webauthn_login": None}  # counted as attempts to sign in
# Browsers offer passkeys on https:// and on localhost, nowhere else.
LOOPBACK = urlsplit(PUBLIC_URL).hostname in ("localhost", "127.0.0.1", "::1")
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS and LOOPBACK
USERSESSIONS_TRACK_ACTIVITY = True
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": f"{PUBLIC_URL}/verify-email/{{key}}",
    "account_reset_password": f"{PUBLIC_URL}/forgot-password",
    "account_reset_password_from_key": f"{PUBLIC_URL}/reset-password/{{key}}",
    "account_signup": f"{PUBLIC_URL}/sign-up",
    "socialaccount_login_error": f"{PUBLIC_URL}/sign-in",
}

# Other identity providers: each shows a button as soon as it is named here (docs/accounts.md).
SOCIALACCOUNT_ADAPTER = "organizations.accounts.providers.ProviderAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True  # the adapter says when: only where both sides verified the address
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
OPENID_PROVIDERS = env.json("OPENID_PROVIDERS", default=[])
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                # What is missing is told by a system check (freshtrack.E005).
                "provider_id": provider.get("id", ""),
                "name": provider.get("name") or provider.get("id", ""),
                "client_id": provider.get("client_id", ""),
                "secret": provider.get("client_secret", ""),
                "settings": {"server_url": provider.get("issuer", ""), "oauth_pkce_enabled": True},
            }
            for provider in OPENID_PROVIDERS
        ],
    }
}
if env.str("GOOGLE_CLIENT_ID", default=""):
    SOCIALACCOUNT_PROVIDERS["google"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [{"client_id": env.str("GOOGLE_CLIENT_ID"), "secret": env.str("GOOGLE_CLIENT_SECRET")}],
    }
if env.str("APPLE_CLIENT_ID", default=""):
    SOCIALACCOUNT_PROVIDERS["apple"] = {
        "APPS": [
            {
                "client_id": env.str("APPLE_CLIENT_ID"),
                "secret": env.str("APPLE_KEY_ID"),
                "key": env.str("APPLE_TEAM_ID"),
                # A .env file has no line ends inside a value: they may be written \n.
                "settings": {"certificate_key": env.str("APPLE_PRIVATE_KEY").replace("\\n", "\n")},
            }
        ]
    }
# Whose bearer tokens count as well: issuer -> the audiences that they may be for.
OIDC_ISSUERS: dict[str, list[str]] = {}
for _pair in env.list("OIDC_ISSUERS", default=[]):
    _issuer, _, _audience = _pair.strip().rpartition("=")  # an issuer's address may have a = itself
    OIDC_ISSUERS.setdefault(_issuer, []).append(_audience)
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Cookies don't know ports: two installations on one host must not sign each other out.
SESSION_COOKIE_NAME = "sessionid" if HTTPS else f"sessionid_{PORT}"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "freshtrack.errors.csrf_failure"

# Three years satisfy the longest of the regimes: school food and vaccines (21 CFR 117.315 asks for two).
AUDIT_KEEP_MONTHS = env.int("AUDIT_KEEP_MONTHS", default=36)
# Functions that take a month's first day and say whether an archive has its readings. Without one, or if one says no,
# no reading is ever dropped (docs/retention.md).
READING_ARCHIVES: tuple[str, ...] = ()

# --- security ---------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS and env.bool("SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]  # probes come over plain HTTP from inside
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# These two speak for the whole domain, which may hold more than FreshTrack: only who owns it can say so.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS and env.bool("HSTS_SUBDOMAINS", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    # The admin's theme evaluates expressions in attributes, the API docs page starts itself inline.
    "EXCLUDE_URL_PREFIXES": ("/admin/", "/api/v1/docs/"),
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "connect-src": ["'self'", PUBLIC_URL.replace("http", "ws", 1)],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        # Signing in elsewhere begins with a form of ours that the browser follows to the provider.
        "form-action": [
            "'self'",
            *(["https://accounts.google.com"] if "google" in SOCIALACCOUNT_PROVIDERS else []),
            *(["https://appleid.apple.com"] if "apple" in SOCIALACCOUNT_PROVIDERS else []),
            *("{0.scheme}://{0.netloc}".format(urlsplit(provider.get("issuer", ""))) for provider in OPENID_PROVIDERS),
        ],
    },
}

# --- the API ----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "organizations.authentication.BearerAuthentication",  # first: it gives 401 its WWW-Authenticate
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["freshtrack.parsing.BoundedJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["organizations.searching.Narrowing", "organizations.searching.WordSearch"],
    "DEFAULT_PAGINATION_CLASS": "freshtrack.pagination.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "freshtrack.schema.Conventions",
    "DEFAULT_THROTTLE_CLASSES": ["organizations.throttling.PerUser"],
    "DEFAULT_THROTTLE_RATES": {
        "user": env.str("RATE_PER_USER", default="100/min"),
        "screen": env.str("RATE_ON_SCREEN", default="600/min"),
        "founding": env.str("RATE_FOUNDING", default="20/hour"),
        "inviting": env.str("RATE_INVITING", default="200/hour"),
        "look_up": env.str("RATE_LOOK_UP", default="30/min"),
        "preview": env.str("RATE_PREVIEW", default="60/min"),
        "codes": env.str("RATE_CODES", default="30/hour"),
        "digests": env.str("RATE_DIGESTS", default="20/hour"),
        "bad_credentials": env.str("RATE_BAD_CREDENTIALS", default="60/min"),
    },
    # The client's address is REMOTE_ADDR, which the server takes from a proxy where there is one (BEHIND_PROXY). A
    # client's own X-Forwarded-For counts for nothing, here as in allauth (ALLAUTH_TRUSTED_PROXY_COUNT is 0).
    "NUM_PROXIES": 0,
    "EXCEPTION_HANDLER": "freshtrack.errors.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FreshTrack",
    "DESCRIPTION": "Temperature monitoring for the places where food and medicine are kept.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "freshtrack.schema.complete"],
    "ENUM_NAME_OVERRIDES": {
        "SeverityEnum": "alerts.models.Severity",
        "AlertStatusEnum": "alerts.models.AlertStatus",
        "MetricEnum": "alerts.models.Metric",
        "ConditionEnum": "alerts.models.Condition",
        "SensorStatusEnum": "sensors.models.SensorStatus",
        "UnitKindEnum": "sensors.models.UnitKind",
        "SiteKindEnum": "sensors.models.SiteKind",
        "RoleEnum": "organizations.models.Role",
        "TokenScopeEnum": "organizations.models.TokenScope",
        "KeyScopeEnum": "organizations.serializers.secrets.KEY_SCOPES",
        "ContactKindEnum": "notifications.models.ContactKind",
        "QuarantineStateEnum": "ingest.models.QuarantineState",
        "ProcessStateEnum": "freshtrack.queues.serializers.STATES",
        "WorkersStateEnum": "freshtrack.queues.serializers.SIGNS",
    },
}

# --- ingest -----------------------------------------------------------------------------------------------------
INGEST_MAX_BYTES = 4 * 1024 * 1024  # contract: 4 MiB, inflated too
INGEST_MAX_READINGS = 10_000
INGEST_QUEUE_BYTES = env.int("INGEST_QUEUE_BYTES", default=128 * 1024 * 1024)  # of bodies; beyond: 503 as well
INGEST_QUEUE_READINGS = env.int("INGEST_QUEUE_READINGS", default=100_000)  # beyond: 503, memory stays bounded
# Refused readings are kept: so many of an organization, so long, and so many more in a minute and process.
QUARANTINE_KEPT = env.int("QUARANTINE_KEPT", default=50_000)
QUARANTINE_DAYS = env.int("QUARANTINE_DAYS", default=90)
QUARANTINE_A_MINUTE = env.int("QUARANTINE_A_MINUTE", default=2_000)

# --- downloads --------------------------------------------------------------------------------------------------
# At once: each is a thread that reads and formats as fast as it can.
EXPORTS_PER_USER = env.int("EXPORTS_PER_USER", default=3)
EXPORTS_PER_ORGANIZATION = env.int("EXPORTS_PER_ORGANIZATION", default=10)
SLOW_CLIENT_S = env.int("SLOW_CLIENT_S", default=60)  # whoever reads nothing for so long is disconnected

# --- words to people --------------------------------------------------------------------------------------------
if env.str("EMAIL_URL", default=""):
    vars().update(env.email("EMAIL_URL"))
else:
    EMAIL_BACKEND = "notifications.channels.email.mailbox.MailboxBackend"
EMAIL_TIMEOUT = 10
# The mail service behind that server, if it tells what became of messages (notifications/channels/email/services.py).
EMAIL_PROVIDER = env.str("EMAIL_PROVIDER", default="")
ANYMAIL = {
    "WEBHOOK_SECRET": env.str("EMAIL_WEBHOOK_SECRET", default=""),
    "MAILGUN_WEBHOOK_SIGNING_KEY": env.str("EMAIL_WEBHOOK_SIGNING_KEY", default=""),
}
MAILBOX = HOME / "mail"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="FreshTrack <alerts@freshtrack.example>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- money ------------------------------------------------------------------------------------------------------
# The subscriber can't be changed after the first migration: dj-stripe's foreign key points there.
DJSTRIPE_SUBSCRIBER_MODEL = "organizations.Organization"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
STRIPE_LIVE_SECRET_KEY = STRIPE_SECRET_KEY if STRIPE_LIVE_MODE else ""
STRIPE_TEST_SECRET_KEY = "" if STRIPE_LIVE_MODE else STRIPE_SECRET_KEY

# --- staff ------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "FreshTrack staff",
    "SITE_HEADER": "FreshTrack",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "thermostat",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}spa/favicon.svg"}],
    "STYLES": [f"{STATIC_URL}staff/staff.css"],
    "DASHBOARD_CALLBACK": "freshtrack.staff.dashboard",
    "COMMAND": {"search_callback": "freshtrack.staff.search"},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "freshtrack.staff.navigation"},
    "COLORS": {
        "primary": {
            "50": "240 249 255",
            "100": "224 242 254",
            "200": "186 230 253",
            "300": "125 211 252",
            "400": "56 189 248",
            "500": "14 165 233",
            "600": "2 132 199",
            "700": "3 105 161",
            "800": "7 89 133",
            "900": "12 74 110",
            "950": "8 47 73",
        }
    },
}

# --- logs -------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "freshtrack.requests.RequestIdFilter"},
        "secret_links": {"()": "freshtrack.requests.SecretLinksFilter"},
    },
    "formatters": {
        # [the request or job, the organization that is acted in]
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s %(organization)s] %(message)s"}
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id", "secret_links"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "daphne.http_protocol": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}

if os.environ.get("PYTEST_VERSION"):
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests sign in hundreds of times
