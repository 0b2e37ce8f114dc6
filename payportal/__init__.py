"""Hosted payment pages for a telecom: what a customer's phone shows, what staff see, what machines are told."""

from payportal.celery import app as celery_app

__all__ = ["celery_app"]
