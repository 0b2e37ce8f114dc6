"""The nouns of what is owed and what is paid, one a file."""

from billing.models.account import BillingAccount
from billing.models.alarm import Alarm
from billing.models.allocation import PaymentAllocation
from billing.models.audit import AuditEntry
from billing.models.customer import Customer
from billing.models.gateway_event import GatewayEvent
from billing.models.invoice import Invoice, InvoiceLine
from billing.models.late_fee import LateFee
from billing.models.ledger import LedgerEntry, LedgerPosting
from billing.models.link import LinkEvent, PaymentLink
from billing.models.operator import LegalEntity, Operator
from billing.models.payment import Payment, PaymentItem
from billing.models.proof import AccountPin, OneTimeCode, PinTries, ProofRule
from billing.models.refund import Refund
from billing.models.reservation import InvoiceReservation

__all__ = [
    "AccountPin",
    "Alarm",
    "AuditEntry",
    "BillingAccount",
    "Customer",
    "GatewayEvent",
    "Invoice",
    "InvoiceLine",
    "InvoiceReservation",
    "LateFee",
    "LedgerEntry",
    "LedgerPosting",
    "LegalEntity",
    "LinkEvent",
    "OneTimeCode",
    "Operator",
    "Payment",
    "PaymentAllocation",
    "PaymentItem",
    "PaymentLink",
    "PinTries",
    "ProofRule",
    "Refund",
]
