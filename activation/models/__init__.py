"""The nouns of what was bought and what is switched on, one a file."""

from activation.models.activation import Activation
from activation.models.device import Device
from activation.models.job import ActivationJob
from activation.models.order import Order, OrderItem
from activation.models.package import Package

__all__ = ["Activation", "ActivationJob", "Device", "Order", "OrderItem", "Package"]
