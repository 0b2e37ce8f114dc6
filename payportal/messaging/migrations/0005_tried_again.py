from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0004_handovers_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="tried_again_at",
            field=models.DateTimeField(
                blank=True, help_text="When a person had it tried again after it had failed.", null=True
            ),
        ),
    ]
