"""What we tell customers when something was paid or switched on: only rows are written here."""


def connect() -> None:
    """Subscribe to billing's events; called once when Django starts."""
