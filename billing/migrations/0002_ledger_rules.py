"""The rules of the ledger that no column constraint can say: entries balance, and nothing is ever edited."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION billing_ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry bigint;
    broken text;
BEGIN
    IF TG_TABLE_NAME = 'billing_ledgerentry' THEN entry := NEW.id; ELSE entry := NEW.entry_id; END IF;
    SELECT string_agg(currency || ' ' || total, ', ') INTO broken FROM (
        SELECT currency, sum(amount) AS total FROM billing_ledgerposting
        WHERE entry_id = entry GROUP BY currency HAVING sum(amount) <> 0) AS sums;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'ledger entry % does not balance: %', entry, broken USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM billing_ledgerposting WHERE entry_id = entry) THEN
        RAISE EXCEPTION 'ledger entry % has no postings', entry USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledgerposting_balanced AFTER INSERT ON billing_ledgerposting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_ledger_balanced();
CREATE CONSTRAINT TRIGGER ledgerentry_has_postings AFTER INSERT ON billing_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_ledger_balanced();

CREATE FUNCTION billing_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledgerentry_append_only BEFORE UPDATE OR DELETE ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE TRIGGER ledgerposting_append_only BEFORE UPDATE OR DELETE ON billing_ledgerposting
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE TRIGGER auditentry_append_only BEFORE UPDATE OR DELETE ON billing_auditentry
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE FUNCTION billing_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER payment_never_deleted BEFORE DELETE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_never_deleted();
CREATE TRIGGER paymentallocation_append_only BEFORE UPDATE OR DELETE ON billing_paymentallocation
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE TRIGGER invoice_never_deleted BEFORE DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_never_deleted();
"""

BACKWARD = """
DROP TRIGGER invoice_never_deleted ON billing_invoice;
DROP TRIGGER paymentallocation_append_only ON billing_paymentallocation;
DROP TRIGGER payment_never_deleted ON billing_payment;
DROP FUNCTION billing_never_deleted();
DROP TRIGGER auditentry_append_only ON billing_auditentry;
DROP TRIGGER ledgerposting_append_only ON billing_ledgerposting;
DROP TRIGGER ledgerentry_append_only ON billing_ledgerentry;
DROP FUNCTION billing_append_only();
DROP TRIGGER ledgerentry_has_postings ON billing_ledgerentry;
DROP TRIGGER ledgerposting_balanced ON billing_ledgerposting;
DROP FUNCTION billing_ledger_balanced();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
