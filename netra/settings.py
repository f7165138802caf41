"""Settings of every environment, flat and typed; a wrong value refuses to start."""

import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF

from accounts import endpoints
from netra import buses, databases, engines, env, logs
from netra.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
NETRA_ENV = env.environment()
PRODUCTION = NETRA_ENV is Environment.PRODUCTION
# Staging runs as production does; development and test get defaults that need no set-up.
DEPLOYED = NETRA_ENV in (Environment.STAGING, Environment.PRODUCTION)
VAR_DIR = Path(env.text("NETRA_VAR", str(BASE_DIR / "var"))).absolute()

DEBUG = env.flag("NETRA_DEBUG")
if DEPLOYED and DEBUG:
    raise env.EnvError("NETRA_DEBUG", f"must not be set in {NETRA_ENV}")
DEVELOPMENT_SECRET_KEY = "development-only-key-never-used-in-staging-or-production"  # noqa: S105
SECRET_KEY = env.secret("NETRA_SECRET_KEY", "" if DEPLOYED else DEVELOPMENT_SECRET_KEY).reveal()
if DEPLOYED and SECRET_KEY in ("", DEVELOPMENT_SECRET_KEY):
    raise env.EnvError("NETRA_SECRET_KEY", f"must be set to a key of its own in {NETRA_ENV}")
if DEPLOYED and len(SECRET_KEY) < 50:
    raise env.EnvError("NETRA_SECRET_KEY", "must have at least 50 characters")
# Older keys, newest first: what they signed holds, and who had a trial under them is known.
SECRET_KEY_FALLBACKS = env.secret("NETRA_SECRET_KEY_FALLBACKS").reveal().replace(",", " ").split()
if DEPLOYED and any(len(key) < 50 or key == SECRET_KEY for key in SECRET_KEY_FALLBACKS):
    raise env.EnvError(
        "NETRA_SECRET_KEY_FALLBACKS", "must be older keys of at least 50 characters each"
    )
ALLOWED_HOSTS = list(
    env.names("NETRA_ALLOWED_HOSTS", () if DEPLOYED else ("localhost", "127.0.0.1", "[::1]"))
)
if DEPLOYED and not ALLOWED_HOSTS:
    raise env.EnvError("NETRA_ALLOWED_HOSTS", f"must name the hosts that {NETRA_ENV} serves")
for _provider in ("GOOGLE", "GITHUB", "LINKEDIN"):
    if PRODUCTION and env.text(f"NETRA_OAUTH_{_provider}_BASE_URL"):
        raise env.EnvError(
            f"NETRA_OAUTH_{_provider}_BASE_URL", "points at a test provider: not in production"
        )

# Processes
# `runserver` is daphne's, whatever serves elsewhere.
NETRA_SERVER = "daphne" if "runserver" in sys.argv else env.text("NETRA_SERVER", "uvicorn")
if NETRA_SERVER not in ("uvicorn", "daphne"):
    raise env.EnvError("NETRA_SERVER", "must be uvicorn or daphne")
# Threads that do database work for the event loop, in each process.
NETRA_DB_THREADS = env.integer("NETRA_DB_THREADS", 8, minimum=1, maximum=64)
NETRA_WORKER_CONCURRENCY = env.integer("NETRA_WORKER_CONCURRENCY", 50, minimum=1, maximum=1000)
NETRA_RATE_SCALE = env.integer("NETRA_RATE_SCALE", 1, minimum=1)
NETRA_TESTING = env.flag("NETRA_TESTING")

# What Prometheus shows to read /metrics; without one nobody may, but in development.
NETRA_METRICS_TOKEN = env.secret("NETRA_METRICS_TOKEN")
if DEPLOYED and NETRA_METRICS_TOKEN and len(NETRA_METRICS_TOKEN.reveal()) < 32:
    raise env.EnvError("NETRA_METRICS_TOKEN", "must have at least 32 characters")
# Where a worker answers the same; 0 for nowhere.
NETRA_METRICS_HOST = env.text("NETRA_METRICS_HOST", "127.0.0.1")
NETRA_METRICS_PORT = env.integer("NETRA_METRICS_PORT", 0, minimum=0, maximum=65535)

# Where spans of what becomes of a message are sent; the library reads its other OTEL_ variables.
OTEL_EXPORTER_OTLP_ENDPOINT = env.url("OTEL_EXPORTER_OTLP_ENDPOINT", "", schemes=("http", "https"))
if OTEL_EXPORTER_OTLP_ENDPOINT and find_spec("opentelemetry.sdk") is None:
    raise env.EnvError(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "needs what requirements-otel.txt names: install it"
    )

# Touched by each backup that succeeded; doctor says when it grows older than it may.
NETRA_BACKUP_STAMP = env.text("NETRA_BACKUP_STAMP", "")
NETRA_BACKUP_HOURS = env.integer("NETRA_BACKUP_HOURS", 26, minimum=1)

# The payment provider, Stripe: without a key nothing is sold, and operators grant by hand.
STRIPE_KEY = env.secret("NETRA_STRIPE_KEY")
# The older one counts as well, while the provider changes from it to the other.
STRIPE_WEBHOOK_SECRETS = (
    env.secret("NETRA_STRIPE_WEBHOOK_SECRET"),
    env.secret("NETRA_STRIPE_WEBHOOK_SECRET_OLD"),
)
if DEPLOYED and STRIPE_KEY and not STRIPE_WEBHOOK_SECRETS[0]:
    raise env.EnvError("NETRA_STRIPE_WEBHOOK_SECRET", "must be set where NETRA_STRIPE_KEY is")
STRIPE_BASE_URL = env.url("NETRA_STRIPE_BASE_URL", "", schemes=("http", "https"))
if PRODUCTION and STRIPE_BASE_URL:
    raise env.EnvError("NETRA_STRIPE_BASE_URL", "points at a test provider: not in production")

# Model: with no URL the built-in assistant answers.
NETRA_MODEL_URL = env.url("NETRA_MODEL_URL", schemes=("http", "https"))
NETRA_MODEL_KEY = env.secret("NETRA_MODEL_KEY")
NETRA_MODEL_TAKES_IMAGES = env.flag("NETRA_MODEL_TAKES_IMAGES")
NETRA_MODEL_NAME = env.text("NETRA_MODEL_NAME", "")
if NETRA_MODEL_URL and not NETRA_MODEL_NAME:
    raise env.EnvError("NETRA_MODEL_NAME", "must name the model when NETRA_MODEL_URL is set")
NETRA_ASSISTANT_TOKENS_PER_S = env.integer("NETRA_ASSISTANT_TOKENS_PER_S", 60, minimum=0)

# Where operators may point models and tools at, beside the internet.
NETRA_ALLOW_PRIVATE_URLS = env.flag(
    "NETRA_ALLOW_PRIVATE_URLS", default=NETRA_ENV is Environment.DEVELOPMENT
)
NETRA_PRIVATE_HOSTS = frozenset(name.lower() for name in env.names("NETRA_PRIVATE_HOSTS"))
# Programs that an operator may choose as servers of tools, by name.
NETRA_MCP_STDIO = env.commands("NETRA_MCP_STDIO")

# daphne brings twisted, 0.6 s of imports: only where it serves.
_DAPHNE = ["daphne"] if NETRA_SERVER == "daphne" else []
INSTALLED_APPS = [
    *_DAPHNE,
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "accounts",  # before allauth, whose templates it replaces
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "csp",
    "pgtrigger",
    "procrastinate.contrib.django",
    "netra",
    "billing",
    "chat",
]
MIDDLEWARE = [
    "netra.logs.RequestIDMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "accounts.middleware.SessionUseMiddleware",
    "accounts.middleware.ImpersonationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "netra.urls"
ASGI_APPLICATION = "netra.asgi.application"
TEST_RUNNER = "netra.testing.PytestRunner"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps', among which the admin has a frame of its own.
        "DIRS": [BASE_DIR / "netra" / "templates"],
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

# Data: PostgreSQL is the only truth; Valkey or Redis carries doorbells and rate limits.
_addresses = engines.addresses(VAR_DIR)
DATABASE_URL = (
    env.url("DATABASE_URL", schemes=("postgresql", "postgres")) or _addresses.database_url
)
REDIS_URL = env.text("REDIS_URL", _addresses.redis_url)
# Several share the doorbells; counters and the cache are the first one's.
BUS = buses.shards_of(env.urls("REDIS_URL", _addresses.redis_url, schemes=buses.SCHEMES))


DATABASES = {"default": databases.settings_of(DATABASE_URL, threads=NETRA_DB_THREADS)}
# Reads of history go there while it is up to date.
DATABASE_REPLICA_URL = env.url("DATABASE_REPLICA_URL", schemes=("postgresql", "postgres"))
DATABASE_ROUTERS = []
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = databases.replica_of(DATABASE_REPLICA_URL, threads=NETRA_DB_THREADS)
    DATABASE_ROUTERS = ["netra.replica.Router"]
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "chat.delivery.layer.BusLayer",
        "CONFIG": {"hosts": [shard.layer_host for shard in BUS], "prefix": "netra"},
    }
}
CACHES = {"default": BUS[0].cache}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""  # web defers by name and never imports the tasks

# Files
STATIC_URL = "/static/"
# In development and tests the files are served from where they are.
STATIC_ROOT = VAR_DIR / "static" if DEPLOYED else None
MEDIA_ROOT = VAR_DIR / "files"
# Served to nobody by URL: the storage's own addresses are never used.
MEDIA_URL = "/no-public-media/"
FILE_BYTES_MAX = 20 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
WHITENOISE_USE_FINDERS = not DEPLOYED
# A file edited while the server runs is served as it then is.
WHITENOISE_AUTOREFRESH = not DEPLOYED
# Uploads go to a bucket that speaks S3 where one is named, else to the disk.
NETRA_FILES_URL = env.url("NETRA_FILES_URL", schemes=("http", "https"))
NETRA_FILES_BUCKET = env.text("NETRA_FILES_BUCKET", "")
if NETRA_FILES_BUCKET and find_spec("storages") is None:
    raise env.EnvError("NETRA_FILES_BUCKET", "needs what requirements-s3.txt names: install it")
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": NETRA_FILES_BUCKET,
            # Empty for Amazon's own; others are addressed by path.
            "endpoint_url": NETRA_FILES_URL or None,
            "addressing_style": "path" if NETRA_FILES_URL else "auto",
            "region_name": env.text("NETRA_FILES_REGION", "") or None,
            # Without them the library looks for a role of the machine.
            "access_key": env.text("NETRA_FILES_KEY_ID", "") or None,
            "secret_key": env.secret("NETRA_FILES_KEY").reveal() or None,
            "signature_version": "s3v4",
            # A name is made from an id, and used once.
            "file_overwrite": True,
        },
    }
    if NETRA_FILES_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "netra.manifest.ManifestStorage"
            if DEPLOYED
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# Accounts (the block that `accounts` depends on)
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PasswordBackend"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.validators.PasswordPolicy"}]
if NETRA_ENV is Environment.TEST:
    # A real hash takes half a second on purpose; the suites make thousands.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/chat/"
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("NETRA_TRUSTED_PROXIES", 0, minimum=0)
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "accounts.forms.SignupForm",
    "change_password": "accounts.forms.ChangePasswordForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = 3
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "/accounts/email/"
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
MFA_ADAPTER = "accounts.second_factor.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.second_factor.AuthenticateForm",
    "reauthenticate": "accounts.second_factor.ReauthenticateForm",
    "authenticate_webauthn": "accounts.passkeys.AuthenticateForm",
    "reauthenticate_webauthn": "accounts.passkeys.ReauthenticateForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Netra"
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off
# Wherever what staff see is real, a password alone does not open the admin.
ACCOUNTS_STAFF_SECOND_FACTOR = PRODUCTION
# What staff see of an account that they look at as its user; everything else stays closed.
ACCOUNTS_IMPERSONATION_SHOWS = frozenset(
    {
        *("home", "chat", "thread", "plan"),
        # What the chat page asks for.
        *("api:list_threads", "api:list_folders", "api:list_messages", "api:search_threads"),
        *("account_email", "account_security", "account_sessions", "mfa_index"),
        *("socialaccount_connections", "health_live", "health_ready"),
    }
)
SOCIALACCOUNT_ADAPTER = "accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
# A provider without a client id shows no button; base URLs are refused in production above.
OAUTH_CLIENTS = tuple(
    endpoints.Client(
        provider=_name,
        client_id=_client_id,
        secret=env.secret(f"NETRA_OAUTH_{_name.upper()}_SECRET").reveal(),
        base_url=env.url(f"NETRA_OAUTH_{_name.upper()}_BASE_URL", "", schemes=("http", "https")),
    )
    for _name in endpoints.PROVIDERS
    if (_client_id := env.text(f"NETRA_OAUTH_{_name.upper()}_CLIENT_ID", ""))
)
SOCIALACCOUNT_PROVIDERS = endpoints.provider_settings(OAUTH_CLIENTS)
ACCOUNT_RATE_LIMITS = False  # allauth's limits wait for a lock; ours are accounts.limits
# Uses in a window of seconds.
ACCOUNTS_LIMITS = {
    "login": (30 * NETRA_RATE_SCALE, 60),
    "signup": (20 * NETRA_RATE_SCALE, 60),
    # Made by mail or by a provider alike.
    "new_accounts": (100 * NETRA_RATE_SCALE, 24 * 3600),
    # Each way to a provider and each way back.
    "provider": (60 * NETRA_RATE_SCALE, 60),
    "mail_network": (20 * NETRA_RATE_SCALE, 60),
    "mail_address": (3 * NETRA_RATE_SCALE, 60),
    # Requests to the API.
    "api": (600 * NETRA_RATE_SCALE, 60),
    # What browsers report: a page that is broken, or attacked, sends one report a violation.
    "policy_reports": (60 * NETRA_RATE_SCALE, 60),
    # An export reads all that somebody ever wrote.
    "export": (5 * NETRA_RATE_SCALE, 3600),
}
# smtp://, smtps:// (TLS from the start) or smtp+tls:// (STARTTLS), with user, password and port.
_mail = urlsplit(env.url("NETRA_MAIL_URL", "", schemes=("smtp", "smtps", "smtp+tls")))
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if _mail.scheme or DEPLOYED
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = _mail.hostname or "localhost"
EMAIL_PORT = _mail.port or {"smtps": 465, "smtp+tls": 587}.get(_mail.scheme, 25)
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("NETRA_MAIL_FROM", "Netra <no-reply@netra.example>")
# End of the accounts block

# Security
CSRF_FAILURE_VIEW = "chat.views.refuse_forged"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = DEPLOYED
SECURE_HSTS_SECONDS = 31_536_000 if DEPLOYED else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = DEPLOYED
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if DEPLOYED else None
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
PAYMENT_PAGES = (
    [STRIPE_BASE_URL or "https://checkout.stripe.com", "https://billing.stripe.com"]
    if STRIPE_KEY
    else []
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "frame-src": [NONE],
        "worker-src": [SELF],
        "base-uri": [NONE],
        # The buttons of the sign-in page are forms that lead to the providers, those of the plan
        # lead to the payment provider.
        "form-action": [SELF, *endpoints.origins(OAUTH_CLIENTS), *PAYMENT_PAGES],
        "frame-ancestors": [NONE],
        # Not `report-to`: it wants a header of its own, and some browsers know only this one.
        "report-uri": ["/csp-reports/"],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

LOGGING_CONFIG = None
logs.configure(NETRA_ENV, level=env.choice("NETRA_LOG_LEVEL", logs.Level.INFO))
