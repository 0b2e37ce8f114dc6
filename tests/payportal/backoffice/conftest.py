from typing import TYPE_CHECKING, Any

import pytest

# This file is read before Django is set up, so models are imported where they are used.
if TYPE_CHECKING:
    from tests.payportal.backoffice import world


@pytest.fixture
def brisvik(db: None) -> "world.House":
    from tests.payportal.backoffice import world

    return world.house("brisvik", is_default=True)


@pytest.fixture
def solmara(db: None) -> "world.House":
    from tests.payportal.backoffice import world

    return world.house("solmara", currency="EUR", time_zone="Europe/Paris")


@pytest.fixture
def one_factor(settings: Any) -> None:
    """As in the demo: a password is enough."""
    settings.STAFF_SECOND_FACTOR = False


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Hashing slowly is Django's own affair, and takes most of a test's time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
