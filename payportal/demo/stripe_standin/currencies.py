"""Which currencies Stripe takes, and what an amount in them may be.

Source: https://docs.stripe.com/currencies. Amounts are integer minor units. In
three-decimal currencies the last digit must be 0.
"""

from __future__ import annotations

from payportal.demo.stripe_standin.errors import invalid

ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
THREE = "bhd jod kwd omr tnd"
TWO = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve
    czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt
    lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln
    qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd xcg
    yer zar zmw
"""
ZERO_DECIMAL = frozenset(ZERO.split())
THREE_DECIMAL = frozenset(THREE.split())
TWO_DECIMAL = frozenset(TWO.split())
SUPPORTED = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL
LARGEST = 99_999_999


def checked(amount: int, currency: str) -> str:
    """The currency's code in lower case, or ApiError (400) for an amount Stripe wouldn't take."""
    code = currency.lower()
    if code not in SUPPORTED:
        listed = ", ".join(sorted(SUPPORTED))
        raise invalid(
            f"Invalid currency: {currency[:10]}. Stripe currently supports these currencies: {listed}", param="currency"
        )
    if amount < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > LARGEST:
        raise invalid(
            f"Amount must be no more than {LARGEST} in the currency's smallest unit.",
            code="amount_too_large",
            param="amount",
        )
    if code in THREE_DECIMAL and amount % 10:
        raise invalid(
            f"Invalid amount: in {code}, a currency with three decimals, the last digit must be 0.",
            code="invalid_charge_amount",
            param="amount",
        )
    return code
