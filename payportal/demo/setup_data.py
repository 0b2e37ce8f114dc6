"""Brings the demo's database and static files up to date and makes a fresh payment link, all in one process.

usage: python -m payportal.demo.setup_data ADMIN_PASSWORD_FILE

The last line on standard output is what ``manage.py demo_link`` says: one line of JSON.
"""

import hashlib
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

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


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payportal.settings")
    catalogs.compile_all()
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    call_command("demo_load", admin_password_file=Path(sys.argv[1]), verbosity=0)
    call_command("demo_link")


if __name__ == "__main__":
    main()
