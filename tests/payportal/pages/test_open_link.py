"""Opening a link: what is shown, what is set, what is kept."""

from django.test import Client

from billing import links
from billing.models import PaymentLink


def test_it_works(phone: Client, link: PaymentLink) -> None:
    answer = phone.get(links.path(link))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "1,047.00" in page
    assert "12 days overdue" in page
    assert "Your TV is paused." in page
    assert "Sports weekend" in page
