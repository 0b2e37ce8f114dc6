from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Embedded services, demo data and the stand-in for Stripe: never loaded in production."""

    name = "payportal.demo"
    label = "demo"
    default_auto_field = "django.db.models.BigAutoField"
