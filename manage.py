#!/usr/bin/env python3
"""Django's command line for payportal.

With nothing set in the environment it speaks to the demo that runs in this checkout; so ``.venv/bin/python manage.py
payment_link --account 20461`` works beside ``bin/demo``. What is missing is answered with one line.
"""

import json
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent
# Written by bin/demo while it runs.
DEMO = CHECKOUT / ".local" / "environment.json"
# Whoever sets one of these means another place than the demo.
TELLING = ("PAYPORTAL_MODE", "SECRET_KEY", "DATABASE_URL")


def use_checkouts_python() -> None:
    """Go on in ``.venv`` where this Python has no Django; return where it has."""
    try:
        import django  # noqa: F401
    except ImportError:
        python = CHECKOUT / ".venv" / "bin" / "python"
        if not python.exists() or Path(sys.prefix) == python.parents[1]:
            sys.exit("manage.py: Django is not installed: run bin/demo once, it makes .venv")
        os.execv(python, [str(python), *sys.argv])  # noqa: S606


def environment_of_demo() -> dict[str, str]:
    """The settings of the demo that runs here; empty when none does, or when the environment names another place."""
    if any(name in os.environ for name in TELLING) or not DEMO.exists():
        return {}
    return dict(json.loads(DEMO.read_text()))


def main() -> None:
    use_checkouts_python()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payportal.settings")
    os.environ.update(environment_of_demo())
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from environs import EnvError

    try:
        django.setup()
    except (ImproperlyConfigured, EnvError) as error:
        sys.exit(f"manage.py: {error} (docs/settings.md; or start bin/demo and call this beside it)")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
