"""A small bill of our own making, as UBL and as CSV."""

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
"""
UBL = (
    HEAD
    + """<cbc:ID>A-1</cbc:ID>
<cbc:IssueDate>2026-11-01</cbc:IssueDate>
<cbc:DueDate>2026-11-15</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>NOK</cbc:DocumentCurrencyCode>
<cac:InvoicePeriod><cbc:StartDate>2026-10-01</cbc:StartDate><cbc:EndDate>2026-10-31</cbc:EndDate></cac:InvoicePeriod>
<cac:AccountingSupplierParty><cac:Party>
<cbc:EndpointID schemeID="0192">000000000</cbc:EndpointID>
<cac:PartyLegalEntity><cbc:RegistrationName>Brisvik Net AS (made up)</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>
<cac:PartyIdentification><cbc:ID>30001</cbc:ID></cac:PartyIdentification>
<cac:PartyName><cbc:Name>Somebody (made up)</cbc:Name></cac:PartyName>
<cac:Contact>
<cbc:Telephone>+44 7700 900321</cbc:Telephone><cbc:ElectronicMail>a@b.example</cbc:ElectronicMail></cac:Contact>
</cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="NOK">25.01</cbc:TaxAmount>
<cac:TaxSubtotal><cbc:TaxableAmount currencyID="NOK">100.02</cbc:TaxableAmount>
<cbc:TaxAmount currencyID="NOK">25.01</cbc:TaxAmount>
<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>25</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal>
</cac:TaxTotal>
<cac:LegalMonetaryTotal>
<cbc:TaxExclusiveAmount currencyID="NOK">100.02</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="NOK">125.03</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="NOK">125.03</cbc:PayableAmount>
</cac:LegalMonetaryTotal>
"""
    + "".join(
        f"""<cac:InvoiceLine><cbc:LineExtensionAmount currencyID="NOK">33.34</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>Line {number}</cbc:Name>
<cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>25</cbc:Percent></cac:ClassifiedTaxCategory>
</cac:Item></cac:InvoiceLine>
"""
        for number in (1, 2, 3)
    )
    + "</Invoice>\n"
)
CSV = """seller,account,number,currency,issued_on,due_on,total,description,amount,vat_rate,customer
000000000,30001,B-1,NOK,2026-11-01,2026-11-15,648.00,Broadband,399.00,25,C1
000000000,30001,B-1,NOK,2026-11-01,2026-11-15,648.00,TV,249.00,25,C1
000000000,30002,B-2,NOK,2026-11-01,2026-11-20,399.00,"Mobile, 40 GB",399.00,25,C1
"""
