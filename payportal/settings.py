"""One settings file for every place, driven by the environment.

``PAYPORTAL_MODE`` is ``production`` (the default), ``demo`` or ``test``. Production refuses to start on anything
missing, and can't load the demo. docs/settings.md lists every variable.
"""

import logging
from pathlib import Path

from environs import Env

from payportal import checks, environment, logs
from payportal.messaging import accounts

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent

MODE = env.str("PAYPORTAL_MODE", "production", validate=environment.one_of("production", "demo", "test"))
IS_PRODUCTION = MODE == "production"
DEBUG = False

SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
# Numbered and only ever added to: receipts are for good (see billing.receipts).
RECEIPT_KEYS = environment.numbered_keys("RECEIPT_KEYS", env.str("RECEIPT_KEYS"))
# Numbered as well: what customers' PINs are mixed with before they are hashed (see billing.pins).
PIN_KEYS = environment.numbered_keys("PIN_KEYS", env.str("PIN_KEYS"))

# Which hosts there are is a matter of operators; payportal.pages.operators refuses the others first of all.
ALLOWED_HOSTS = ["*"]
PUBLIC_SCHEME = env.str("PUBLIC_SCHEME", "https")
# The address of the operator that answers for every unnamed host (the demo's); empty: its own host name.
PUBLIC_HOST = env.str("PUBLIC_HOST", "")
PUBLIC_PORT = env.int("PUBLIC_PORT", 0)
OPERATOR_CACHE_SECONDS = 30
# How many proxies of our own stand before us: a visitor's address is the entry of X-Forwarded-For that the outermost of
# them wrote. 0: nobody's word is taken but the connection's own address.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 1 if env.bool("BEHIND_PROXY", IS_PRODUCTION) else 0)
# Proxies whose X-Forwarded-Proto is believed; the demo has none.
if env.bool("BEHIND_PROXY", IS_PRODUCTION):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Limits at log-in count by the address that our proxy saw, not by the proxy's own.
    ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT

INSTALLED_APPS = [
    "payportal.backoffice.admin_app.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "django_structlog",
    "billing",
    "activation",
    "payportal.messaging",
    "payportal.backoffice",
]
MIDDLEWARE = [
    "payportal.logs.RequestLog",
    "payportal.pages.operators.OperatorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "payportal.pages.outage.OutageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "payportal.pages.language.OperatorLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "payportal.backoffice.second_factor.SecondFactorMiddleware",
]
if not IS_PRODUCTION:
    INSTALLED_APPS.append("payportal.demo")

ROOT_URLCONF = "payportal.urls"
WSGI_APPLICATION = "payportal.wsgi.application"
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
CSRF_FAILURE_VIEW = "payportal.pages.errors.csrf_failure"

# PostgreSQL and Valkey (or Redis), always.
DATABASES = {
    "default": environment.database(
        env.str("DATABASE_URL"), pool=env.int("DB_POOL", 0), timeout_seconds=env.int("DB_CONNECT_TIMEOUT", 5)
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}
# Sessions are staff's alone, and in the database: flushing Valkey logs nobody out and nobody in.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# Seconds: a working day, or until the browser is closed.
SESSION_COOKIE_AGE = 12 * 3600

# Celery: a broker that is down must cost a page a second at most; the sweeps find what it lost.
CELERY_BROKER_URL = environment.celery_broker(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "retry_policy": {"timeout": 1.0, "max_retries": 0},
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
SWEEP_SECONDS = env.int("SWEEP_SECONDS", 20)
CELERY_BEAT_SCHEDULE_FILENAME = env.str("BEAT_SCHEDULE_FILE", "")
CELERY_BEAT_SCHEDULER = "payportal.beat.MemoryScheduler"
CELERY_BEAT_SCHEDULE = {
    name: {"task": name, "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS}}
    for name in (
        "billing.reconcile_payments",
        "billing.process_gateway_events",
        "activation.sweep",
        "messaging.sweep",
    )
}
REFUND_SECONDS = 600
CELERY_BEAT_SCHEDULE["billing.reconcile_refunds"] = {
    "task": "billing.reconcile_refunds",
    "schedule": REFUND_SECONDS,
    "options": {"expires": REFUND_SECONDS},
}
CARRIER_CHECK_SECONDS = 600
CELERY_BEAT_SCHEDULE["messaging.check_carriers"] = {
    "task": "messaging.check_carriers",
    "schedule": CARRIER_CHECK_SECONDS,
    "options": {"expires": CARRIER_CHECK_SECONDS},
}
RECALL_SECONDS = 3600
CELERY_BEAT_SCHEDULE["messaging.recall"] = {
    "task": "messaging.recall",
    "schedule": RECALL_SECONDS,
    "options": {"expires": RECALL_SECONDS},
}
# A day's reminders begin within so many seconds of their time.
REMIND_SECONDS = env.int("REMIND_SECONDS", 300)
CELERY_BEAT_SCHEDULE["messaging.remind"] = {
    "task": "messaging.remind",
    "schedule": REMIND_SECONDS,
    "options": {"expires": REMIND_SECONDS},
}

# Stripe. An operator's gateway account names one of these.
STRIPE_ACCOUNTS = environment.stripe_accounts(env)
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com")
STRIPE_API_VERSION = "2026-10-28.endive"
STRIPE_JS_URL = env.str("STRIPE_JS_URL", "https://js.stripe.com/endive/stripe.js")
STRIPE_TIMEOUT_SECONDS = env.int("STRIPE_TIMEOUT_SECONDS", 10)

# Those who carry messages. An operator's messaging policy names an account by its code.
TWILIO_ACCOUNTS = accounts.twilio(env)
TWILIO_API_BASE = env.str("TWILIO_API_BASE", "https://api.twilio.com")
EXOTEL_ACCOUNTS = accounts.exotel(env)
EXOTEL_API_BASE = env.str("EXOTEL_API_BASE", "https://api.exotel.com")
WHATSAPP_ACCOUNTS = accounts.whatsapp(env)
WHATSAPP_API_BASE = env.str("WHATSAPP_API_BASE", "https://graph.facebook.com")
WHATSAPP_API_VERSION = env.str("WHATSAPP_API_VERSION", "v24.0")
# Seconds: connecting, and waiting for an answer. Well within the lease of a message.
CARRIER_TIMEOUT_SECONDS = env.int("CARRIER_TIMEOUT_SECONDS", 10)
# Below this much credit (whole units of the carrier's currency) an alarm is raised.
CARRIER_LOW_CREDIT = env.int("CARRIER_LOW_CREDIT", 20)
# Of a currency in which that is much or next to nothing: INR=2000,KWD=6.
CARRIER_LOW_CREDITS: dict[str, int] = env.dict("CARRIER_LOW_CREDITS", {}, subcast_values=int)

# Who may read /metrics; empty: nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

# The operator's network, as a simulator plays it; production names an HTTP provisioner.
PROVISIONER = env.str("PROVISIONER", "http" if IS_PRODUCTION else "simulator")
PROVISIONER_URL = env.str("PROVISIONER_URL", "")
PROVISIONER_TOKEN = env.str("PROVISIONER_TOKEN", "")
SIMULATOR_LATENCY_MS = env.int("SIMULATOR_LATENCY_MS", 300)
SIMULATOR_STATE = env.str("SIMULATOR_STATE", "")

EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
# A mail service instead of a mail server: EMAIL_BACKEND=anymail.backends.<service>.EmailBackend, its keys in ANYMAIL as
# JSON. What a service has no field for (our own reference, say) is left out rather than the mail.
ANYMAIL = {
    "REQUESTS_TIMEOUT": CARRIER_TIMEOUT_SECONDS,
    "IGNORE_UNSUPPORTED_FEATURES": True,
    **accounts.mail_service(env),
}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "payportal@localhost")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nb", "Norsk bokmål"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", str(BASE_DIR / ".local" / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if MODE == "test"
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = MODE == "test"
WHITENOISE_MAX_AGE = 3600

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin/"
ACCOUNT_ADAPTER = "payportal.backoffice.accounts.StaffAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "payportal"
# A clock half a minute off still gets in; each code is good once all the same (payportal.backoffice.second_factor).
MFA_TOTP_TOLERANCE = 1
MFA_ADAPTER = "payportal.backoffice.mfa.StaffMFAAdapter"
MFA_FORMS = {
    "authenticate": "payportal.backoffice.mfa.OneTimeAuthenticateForm",
    "reauthenticate": "payportal.backoffice.mfa.OneTimeReauthenticateForm",
}
# Staff reach nothing without a second factor; only the demo, whose data is made up, does without.
STAFF_SECOND_FACTOR = MODE != "demo"

SECURE_CONTENT_TYPE_NOSNIFF = True
# `no-referrer` would make browsers send `Origin: null` on form posts, which Django's CSRF check refuses.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", IS_PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
SECURE_HSTS_PRELOAD = IS_PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
# Nothing here takes large bodies; Stripe's webhooks stay far below.
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
WEBHOOK_MAX_BYTES = 256 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

LOGGING = logs.configure(
    env.str("LOG_LEVEL", "INFO", validate=environment.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = None
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
SILENCED_SYSTEM_CHECKS: list[str] = []

if IS_PRODUCTION:
    checks.refuse_unsafe(globals())
