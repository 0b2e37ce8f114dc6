"""The environment that tests and checks run in: made up, complete, and the same everywhere."""

# Keys that open nothing: the stand-in for Stripe and the tests make up their own world.
FIXED = {
    "PAYPORTAL_MODE": "test",
    "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests-only-for-tests-1234",
    "RECEIPT_KEYS": "1:" + "ab" * 32,
    "PIN_KEYS": "1:" + "cd" * 32,
    "STRIPE_SECRET_KEY": "sk_test_standin_for_tests",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_standin_for_tests",
    "STRIPE_WEBHOOK_SECRETS": "whsec_for_tests",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_JS_URL": "http://127.0.0.1:9/endive/stripe.js",
    "PUBLIC_SCHEME": "http",
    "PUBLIC_HOST": "testserver",
    "SWEEP_SECONDS": "1",
    "SIMULATOR_LATENCY_MS": "0",
    "LOG_LEVEL": "WARNING",
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
}

# For checks that ask no database; the addresses only have to read well.
NO_SERVICES = {"DATABASE_URL": "postgresql://nobody@/nothing?host=/nowhere", "REDIS_URL": "unix:///nowhere?db=0"}

# A complete production, for `check --deploy`; nothing of it exists. The secret key is long and random enough for
# Django's own check of it.
PRODUCTION = {
    "PAYPORTAL_MODE": "production",
    "SECRET_KEY": "vN3kq8ZtR5mXw2Lc7YbH9dJf4GsP6aUeKoTiQzVnBxMyCrWlEhDgSjFpA1u0I-8_",
    "RECEIPT_KEYS": "1:" + "5a" * 32,
    "PIN_KEYS": "1:" + "6b" * 32,
    "DATABASE_URL": "postgresql://payportal:made-up@db.invalid/payportal",
    "REDIS_URL": "redis://valkey.invalid:6379/0",
    "STRIPE_SECRET_KEY": "sk_live_" + "x" * 24,
    "STRIPE_PUBLISHABLE_KEY": "pk_live_" + "x" * 24,
    "STRIPE_WEBHOOK_SECRETS": "whsec_" + "x" * 32,
    "PROVISIONER_URL": "https://network.invalid/",
    "PROVISIONER_TOKEN": "made-up-token-of-a-made-up-network",
    "PUBLIC_SCHEME": "https",
    "DEFAULT_FROM_EMAIL": "payments@operator.invalid",
    "EMAIL_HOST": "mail.invalid",
}
