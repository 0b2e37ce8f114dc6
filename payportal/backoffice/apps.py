from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    """What staff see: the admin site, the agent's desk, finance's files."""

    name = "payportal.backoffice"
    label = "backoffice"
    default_auto_field = "django.db.models.BigAutoField"
