from django.apps import AppConfig


class BillingConfig(AppConfig):
    """What is owed and what is paid."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"
