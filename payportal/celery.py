"""The Celery application: workers that drain rows, and beat that wakes the sweeps."""

import os

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep

from payportal import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payportal.settings")

broker.use()
app = Celery("payportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks(["billing", "activation", "payportal.messaging", "payportal.pages"])
