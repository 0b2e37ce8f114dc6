"""A web process's pool of connections finds a database that was away as soon as it is back."""

import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg_pool import ConnectionPool, PoolTimeout

from payportal import environment
from payportal.pages import outage

AWAY_SECONDS = 4.0


@pytest.mark.django_db
def test_one_dead_connection_has_the_others_replaced() -> None:
    """CASES fault 15: after a restart each of them would fail one customer, whenever that comes."""
    url = f"postgresql://{settings.DATABASES['default']['USER']}@/unused"
    told = environment.database(url, pool=3, timeout_seconds=5)
    how = {"OPTIONS": told["OPTIONS"], "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": told["CONN_HEALTH_CHECKS"]}
    pooled = DatabaseWrapper({**connection.settings_dict, **how}, alias="pooled")

    def backend() -> int:
        """The server process behind the connection that is lent now; the pool lends them in turn."""
        try:
            with pooled.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                return int(cursor.fetchone()[0])
        finally:
            pooled.close()

    try:
        backend()
        assert pooled.pool is not None
        pooled.pool.wait()
        first = {backend() for _ in range(6)}
        assert len(first) == 3
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [list(first)])
        with pytest.raises(OperationalError):
            backend()
        looking = outage.replace_dead_connections(pooled)
        assert looking
        looking.join(10)
        assert not first & {backend() for _ in range(6)}
    finally:
        pooled.close_pool()


@pytest.mark.slow
def test_an_outage_is_not_made_longer_by_pauses_between_attempts(tmp_path: Path) -> None:
    """CASES fault 15: left to itself the pool's next attempt after four seconds would be at seven, after 64 at 127."""
    own = settings.DATABASES["default"]
    sockets = tmp_path / "sockets"
    found = environment.database(
        f"postgresql://{own['USER']}@/postgres?host={quote(str(sockets))}", pool=1, timeout_seconds=1
    )
    options = dict(found["OPTIONS"])
    how = options.pop("pool")
    where = {"host": found["HOST"], "user": found["USER"], "dbname": "postgres", **options}
    with ConnectionPool(kwargs=where, open=True, **how) as pool:
        deadline = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < deadline:
            with pytest.raises(PoolTimeout), pool.connection():
                pass
        sockets.symlink_to(own["HOST"], target_is_directory=True)
        back = time.monotonic()
        with pool.connection(timeout=10) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert time.monotonic() - back < 2


def test_a_database_whose_machine_vanished_is_given_up_within_seconds() -> None:
    """The kernel alone would wait for hours; whoever runs it may say otherwise in the address."""
    usual = environment.database("postgres://db.invalid/pay", pool=0, timeout_seconds=5)["OPTIONS"]
    assert usual["tcp_user_timeout"] == 10_000
    assert usual["keepalives_idle"] + usual["keepalives_interval"] * usual["keepalives_count"] <= 15
    chosen = environment.database("postgres://db.invalid/pay?tcp_user_timeout=500", pool=0, timeout_seconds=5)
    assert chosen["OPTIONS"]["tcp_user_timeout"] == "500"
