"""What activation does when billing says that something was paid or voided: it only writes rows."""


def connect() -> None:
    """Subscribe to billing's events; called once when Django starts."""
