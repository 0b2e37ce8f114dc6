"""UBL 2.1 invoices as EN 16931 and Peppol BIS Billing 3 profile them (element names: OASIS UBL 2.1; rules: EN 16931-1).

Lines there are without tax and the tax is stated once for each rate; ours are with tax and sum to the bill. So each
rate's tax is spread over its lines, to the last minor unit.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from billing.imports.bills import (
    Buyer,
    FileRefused,
    ReadBill,
    Seller,
    check,
    one_line,
    read_amount,
    read_currency,
    read_date,
    read_rate,
)
from billing.imports.xml import Node, parse
from billing.invoices import LineData
from billing.lib import money

INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
# UNCL1001: bills that ask for money. Credit notes, corrections and self-billing are other things.
BILL_TYPES = {"80", "82", "380", "383", "386", "388", "393", "395", "575", "623", "780"}
# The language of a file's own words is not known: "und" is ISO 639's code for that.
UNKNOWN_LANGUAGE = "und"
ROUNDING = {"en": "Rounding", "nb": "Avrunding", "ar": "تقريب"}
PREPAID = {"en": "Paid already", "nb": "Allerede betalt", "ar": "مدفوع مسبقًا"}
# EN 16931's own rules let the tax of a rate differ from taxable amount times rate by one whole unit (BR-S-09).
TAX_TOLERANCE_UNITS = 1


@dataclass(slots=True)
class _NetLine:
    """A line without tax: a bill's line, or an allowance or charge on the whole bill."""

    node: Node
    name: str
    net: int
    rate: int
    category: str


def read(data: bytes) -> ReadBill:
    """The bill in a UBL file. Raises FileRefused with line and reason."""
    root = parse(data)
    if root.namespace == CREDIT_NOTE:
        raise FileRefused(root.line, "this is a credit note, not a bill: it asks for nothing")
    if (root.namespace, root.name) != (INVOICE, "Invoice"):
        raise FileRefused(root.line, "this is not a UBL 2.1 invoice")
    kind = _needed(root, "InvoiceTypeCode")
    if kind.text not in BILL_TYPES:
        raise FileRefused(kind.line, f"a document of type {kind.text[:10]!r} is not a bill to be paid")
    code = _needed(root, "DocumentCurrencyCode")
    currency = read_currency(code.text, code.line)
    number = _needed(root, "ID")
    due = root.first("DueDate")
    if due is None:
        raise FileRefused(root.line, "there is no DueDate; terms in words can't be read")
    issued = _needed(root, "IssueDate")
    start, end = _period(root)
    bill = ReadBill(
        line=number.line,
        seller=_seller(root),
        buyer=_buyer(root),
        number=number.text,
        currency=currency,
        amount=_amount(_needed(root, "LegalMonetaryTotal/PayableAmount"), currency),
        issued_on=read_date(issued.text, issued.line),
        due_on=read_date(due.text, due.line),
        lines=tuple(_lines(root, currency)),
        period_start_on=start,
        period_end_on=end,
    )
    return check(bill)


def _needed(node: Node, path: str) -> Node:
    found = node.first(path)
    if found is None or not found.text:
        raise FileRefused(found.line if found else node.line, f"{path} is missing")
    return found


def _amount(node: Node, currency: str) -> int:
    """Minor units of an amount element, whose currency must be the bill's."""
    stated = node.attributes.get("currencyID", "")
    if stated != currency:
        raise FileRefused(node.line, f"an amount is in {stated[:10]!r}, the bill in {currency}")
    return read_amount(node.text, currency, node.line)


def _optional_amount(node: Node, path: str, currency: str) -> int:
    found = node.first(path)
    return _amount(found, currency) if found else 0


def _lines(root: Node, currency: str) -> Iterator[LineData]:
    """All that the bill is made of, with tax: its lines, what applies to the whole, what was paid, the rounding."""
    nets = [*_invoice_lines(root, currency), *_allowances_and_charges(root, currency)]
    _check_net(root, nets, currency)
    taxes = _taxes(root, currency)
    groups: dict[tuple[str, int], list[_NetLine]] = defaultdict(list)
    for line in nets:
        groups[line.category, line.rate].append(line)
    shares: dict[int, int] = {}
    for key, group in groups.items():
        if key not in taxes:
            raise FileRefused(group[0].node.line, f"there is no tax subtotal for {key[0]} {key[1] / 100:g} %")
        tax = _checked_tax(taxes.pop(key), group, currency)
        for line, share in zip(group, _spread(tax, [line.net for line in group]), strict=True):
            shares[id(line)] = share
    for (category, _), (node, tax, _taxable) in taxes.items():
        if tax:
            raise FileRefused(node.line, f"there is tax for {category[:10]!r} but no line of it")
    for line in nets:
        vat = shares[id(line)]
        yield LineData({UNKNOWN_LANGUAGE: line.name}, line.net + vat, vat, line.rate)
    totals = _needed_group(root, "LegalMonetaryTotal")
    if prepaid := _optional_amount(totals, "PrepaidAmount", currency):
        yield LineData(PREPAID, -prepaid)
    if rounding := _optional_amount(totals, "PayableRoundingAmount", currency):
        yield LineData(ROUNDING, rounding)


def _needed_group(node: Node, name: str) -> Node:
    found = node.first(name)
    if found is None:
        raise FileRefused(node.line, f"{name} is missing")
    return found


def _invoice_lines(root: Node, currency: str) -> Iterator[_NetLine]:
    for node in root.all("InvoiceLine"):
        net = _amount(_needed(node, "LineExtensionAmount"), currency)
        name = one_line(_needed(node, "Item/Name").text)
        category = _needed_group(_needed_group(node, "Item"), "ClassifiedTaxCategory")
        yield _NetLine(node, name, net, *_rate(category))


def _allowances_and_charges(root: Node, currency: str) -> Iterator[_NetLine]:
    """What is taken off or put on the bill as a whole (those of a line are in its amount already)."""
    for node in root.all("AllowanceCharge"):
        indicator = _needed(node, "ChargeIndicator")
        if indicator.text not in ("true", "false", "1", "0"):
            raise FileRefused(indicator.line, "ChargeIndicator is neither true nor false")
        sign = 1 if indicator.text in ("true", "1") else -1
        amount = sign * _amount(_needed(node, "Amount"), currency)
        name = one_line(node.value("AllowanceChargeReason")) or ("+" if sign > 0 else "−")
        yield _NetLine(node, name, amount, *_rate(_needed_group(node, "TaxCategory")))


def _rate(category: Node) -> tuple[int, str]:
    """Rate (hundredths of a percent) and code of a tax category; an exempt one need not state a rate."""
    percent = category.first("Percent")
    return (read_rate(percent.text, percent.line) if percent else 0), _needed(category, "ID").text


def _taxes(root: Node, currency: str) -> dict[tuple[str, int], tuple[Node, int, int]]:
    """Tax and taxable amount by category and rate, from the total in the bill's own currency."""
    for total in root.all("TaxTotal"):
        amount = _needed(total, "TaxAmount")
        if amount.attributes.get("currencyID") != currency:
            continue  # the tax again, in the currency that it is accounted for in
        found = {}
        for node in total.all("TaxSubtotal"):
            rate, code = _rate(_needed_group(node, "TaxCategory"))
            tax = _amount(_needed(node, "TaxAmount"), currency)
            found[code, rate] = (node, tax, _amount(_needed(node, "TaxableAmount"), currency))
        if sum(tax for _, tax, _ in found.values()) != _amount(amount, currency):
            raise FileRefused(amount.line, "the taxes of the rates don't sum to the tax of the bill")
        return found
    return {}


def _checked_tax(stated: tuple[Node, int, int], group: list[_NetLine], currency: str) -> int:
    """The tax of one rate, if it fits the lines of that rate."""
    node, tax, taxable = stated
    net = sum(line.net for line in group)
    if net != taxable:
        shown = (money.plain(amount, currency) for amount in (net, taxable))
        raise FileRefused(node.line, "the lines of this rate sum to {}, the bill says {}".format(*shown))
    tolerance = TAX_TOLERANCE_UNITS * 10 ** money.exponent(currency)
    if abs(tax * 10_000 - taxable * group[0].rate) > tolerance * 10_000:
        raise FileRefused(node.line, "the tax doesn't fit its rate")
    return tax


def _check_net(root: Node, nets: list[_NetLine], currency: str) -> None:
    """The bill's own totals: they must be what its parts say."""
    totals = _needed_group(root, "LegalMonetaryTotal")
    net, tax = sum(line.net for line in nets), sum(tax for _, tax, _ in _taxes(root, currency).values())
    for name, wanted in (("TaxExclusiveAmount", net), ("TaxInclusiveAmount", net + tax)):
        node = _needed(totals, name)
        if (stated := _amount(node, currency)) != wanted:
            shown = (money.plain(amount, currency) for amount in (wanted, stated))
            raise FileRefused(node.line, "{} should be {}, not {}".format(name, *shown))


def _spread(total: int, weights: list[int]) -> list[int]:
    """``total`` in whole parts as the weights are, summing to it exactly; weights may be negative."""
    whole = sum(weights)
    if not whole:
        return [total, *[0] * (len(weights) - 1)]
    shares, reached, given = [], 0, 0
    for weight in weights:
        reached += weight
        upto = (2 * total * reached + whole) // (2 * whole)
        shares.append(upto - given)
        given = upto
    return shares


def _period(root: Node) -> tuple[date | None, date | None]:
    """The bill's period, else from the first to the last day of its lines' periods."""
    for path in ("InvoicePeriod", "InvoiceLine/InvoicePeriod"):
        starts = [read_date(node.text, node.line) for node in root.all(f"{path}/StartDate")]
        ends = [read_date(node.text, node.line) for node in root.all(f"{path}/EndDate")]
        if starts or ends:
            return min(starts, default=None), max(ends, default=None)
    return None, None


def _seller(root: Node) -> Seller:
    party = _needed_group(root, "AccountingSupplierParty/Party")
    numbers = [
        *(node.text for node in party.all("PartyLegalEntity/CompanyID")),
        *(node.text for node in party.all("EndpointID")),
        *(node.text for node in party.all("PartyIdentification/ID")),
        *(node.value("CompanyID") for node in party.all("PartyTaxScheme") if node.value("TaxScheme/ID") == "VAT"),
    ]
    address = party.first("PostalAddress")
    places = ("StreetName", "PostalZone", "CityName")
    return Seller(
        numbers=tuple(dict.fromkeys(filter(None, map(one_line, numbers)))),
        name=one_line(party.value("PartyLegalEntity/RegistrationName") or party.value("PartyName/Name")),
        address=one_line(", ".join(filter(None, (address.value(place) for place in places)))) if address else "",
    )


def _buyer(root: Node) -> Buyer:
    """The account is what the seller knows the buyer by; the standard has no field of that very name."""
    outer = _needed_group(root, "AccountingCustomerParty")
    party = _needed_group(outer, "Party")
    account = (
        outer.value("SupplierAssignedAccountID")
        or outer.value("CustomerAssignedAccountID")
        or party.value("PartyIdentification/ID")
        or party.value("EndpointID")
        or party.value("PartyLegalEntity/CompanyID")
        or root.value("BuyerReference")
    )
    return Buyer(
        account=account,
        name=one_line(party.value("PartyLegalEntity/RegistrationName") or party.value("PartyName/Name")),
        phone=party.value("Contact/Telephone"),
        email=party.value("Contact/ElectronicMail"),
    )
