from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from payportal.demo import data

ADMIN_NAME = "admin"


class Command(BaseCommand):
    """Loads the demo's data once and lets ``admin`` log in with the password in the file; prints no secret."""

    help = "Load the demo's made-up data, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--admin-password-file", type=Path, required=True)

    def handle(self, *, admin_password_file: Path, **options: Any) -> None:
        try:
            password = admin_password_file.read_text().strip()
        except OSError as error:
            raise CommandError(f"the password file can't be read: {error}") from None
        if not password:
            raise CommandError(f"{admin_password_file} is empty")
        is_new = data.load(timezone.now())
        _let_in(password)
        self.stdout.write("demo data loaded" if is_new else "demo data was there already")


def _let_in(password: str) -> None:
    """Make the superuser, or give it the file's password when that is another one."""
    users = get_user_model()
    admin, _ = users.objects.get_or_create(username=ADMIN_NAME, defaults={"is_staff": True, "is_superuser": True})
    if not admin.check_password(password):
        admin.set_password(password)
        admin.save(update_fields=["password"])
