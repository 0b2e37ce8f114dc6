"""The usual reminders for operators that were there before there were reminders; none of them costs anything."""

from datetime import time

from django.db import migrations

USUAL = (("before", -3), ("today", 0), ("after", 3), ("again", 10))


def forward(apps, schema_editor):
    rules = apps.get_model("messaging", "ReminderRule")
    for operator in apps.get_model("billing", "Operator").objects.filter(reminder_rules__isnull=True):
        rules.objects.bulk_create(rules(operator=operator, code=code, days=days, at=time(10)) for code, days in USUAL)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_handovers_policy_templates_reminders")]

    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
