from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Embedded services, demo data and the stand-in for Stripe: never loaded in production."""

    name = "payportal.demo"
    label = "demo"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from payportal.demo.phone import DemoPhone
        from payportal.messaging import channels
        from payportal.messaging.channels.outbox import Outbox

        channels.register(Outbox(DemoPhone()))
