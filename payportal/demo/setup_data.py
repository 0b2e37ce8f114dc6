"""Brings the demo's database and static files up to date and makes a fresh payment link, all in one process.

usage: python -m payportal.demo.setup_data ADMIN_PASSWORD_FILE

The last line on standard output is what ``manage.py demo_link`` says: one line of JSON.
"""

import hashlib
import os
import sys
from pathlib import Path

import django
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection

from payportal import catalogs


def _static_fingerprint() -> str:
    """Changes when a static file of ours does, or the packages that bring their own."""
    digest = hashlib.sha256(Path("requirements.txt").read_bytes())
    for folder in settings.STATICFILES_DIRS:
        for path in sorted(Path(folder).rglob("*")):
            found = path.stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()


def collect_static() -> None:
    """Collect, hash and compress the static files, unless they are the ones collected last."""
    stamp = Path(settings.STATIC_ROOT).with_suffix(".collected")
    found = _static_fingerprint()
    if stamp.exists() and stamp.read_text() == found and Path(settings.STATIC_ROOT).is_dir():
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(found)


def check_services() -> None:
    """End with one line when a service that the environment names doesn't answer; our own have answered before."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        sys.exit(f"DATABASE_URL does not answer: {str(error).splitlines()[0]}")
    try:
        redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3).ping()
    except redis.RedisError as error:
        sys.exit(f"REDIS_URL does not answer: {error}")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payportal.settings")
    catalogs.compile_all()
    django.setup()
    check_services()
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    call_command("demo_load", admin_password_file=Path(sys.argv[1]), verbosity=0)
    call_command("demo_link")


if __name__ == "__main__":
    main()
