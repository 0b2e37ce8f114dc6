from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BackofficeConfig(AppConfig):
    """What staff see: the admin site, the agent's desk, finance's files."""

    name = "payportal.backoffice"
    label = "backoffice"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from payportal.backoffice import roles, second_factor

        # Permissions of all apps exist once the last app has been through its own post_migrate: this is that one.
        post_migrate.connect(roles.install, sender=self, dispatch_uid="backoffice.roles")
        second_factor.connect()
