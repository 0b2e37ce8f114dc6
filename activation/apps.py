from django.apps import AppConfig


class ActivationConfig(AppConfig):
    """What was bought, and switching it on."""

    name = "activation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from activation import subscribers

        subscribers.connect()
