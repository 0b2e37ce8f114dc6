from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """What we send, and what comes back."""

    name = "payportal.messaging"
    label = "messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from payportal.messaging import notices, reminding, subscribers

        subscribers.connect()
        reminding.connect()
        notices.connect()
