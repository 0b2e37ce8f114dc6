"""The nouns of what is said to customers, one a file."""

from payportal.messaging.models.handover import Handover
from payportal.messaging.models.medium import Consent, ContactMedium
from payportal.messaging.models.message import Message
from payportal.messaging.models.policy import MessagingPolicy
from payportal.messaging.models.reminder import ReminderRule
from payportal.messaging.models.template import MessageTemplate

__all__ = [
    "Consent",
    "ContactMedium",
    "Handover",
    "Message",
    "MessageTemplate",
    "MessagingPolicy",
    "ReminderRule",
]
