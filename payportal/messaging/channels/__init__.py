"""The channels there are, by the code that an operator names."""

from payportal.messaging.channels.base import Channel
from payportal.messaging.channels.email import Email
from payportal.messaging.channels.exotel import ExotelSms, ExotelWhatsApp
from payportal.messaging.channels.twilio import TwilioSms, TwilioWhatsApp
from payportal.messaging.channels.whatsapp_cloud import WhatsAppCloud

REGISTRY: dict[str, Channel] = {
    channel.code: channel
    for channel in (Email(), TwilioSms(), TwilioWhatsApp(), WhatsAppCloud(), ExotelSms(), ExotelWhatsApp())
}


def register(channel: Channel) -> None:
    """Add a channel whose far side is known only when the site starts, as the demo's phone is."""
    REGISTRY[channel.code] = channel


def get(code: str) -> Channel:
    """The channel of that code. Raises KeyError: the operator names one that this site doesn't have."""
    return REGISTRY[code]
