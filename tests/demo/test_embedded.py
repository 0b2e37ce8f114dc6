"""The embedded services: what the tests and the demo stand on."""

import os

import psycopg
import redis

from payportal.demo import embedded


def test_a_run_has_a_postgresql_and_a_valkey_of_its_own() -> None:
    with embedded.running() as services:
        with psycopg.connect(services.postgres.url()) as connection:
            row = connection.execute("SELECT current_database(), upper('blåbær')").fetchone()
        client = redis.Redis.from_url(services.valkey.url())
        assert row == ("payportal", "BLÅBÆR")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.close()
        folder = services.postgres.home.folder
    assert not folder.exists()
    for pid in (services.postgres_pid, services.valkey_pid):
        assert not os.path.exists(f"/proc/{pid}")
