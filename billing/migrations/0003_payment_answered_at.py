from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_ledger_rules")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="answered_at",
            field=models.DateTimeField(blank=True, help_text="When the gateway last said how it stands.", null=True),
        ),
    ]
