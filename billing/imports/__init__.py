"""Bills that somebody else issued, read from files: UBL 2.1 invoices and our own CSV (docs/importing.md)."""

from billing.imports.bills import FileRefused
from billing.imports.taking import Taken, take

__all__ = ["FileRefused", "Taken", "take"]
