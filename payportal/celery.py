"""The Celery application: workers that drain rows, and beat that wakes the sweeps."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payportal.settings")

app = Celery("payportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["billing", "activation", "payportal.messaging"])
