from django.db import migrations, models

# What unfinished runs hold, whose rows end them; and what they have lost, which is not charged.
_LAST = """
UPDATE billing_reservation SET lapses_at = NULL,
    state = CASE state WHEN 'lapsed' THEN 'released' ELSE state END
WHERE state IN ('held', 'lapsed') AND feature IN ('runs_month', 'concurrent_runs')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0007_operators'),
    ]

    operations = [
        migrations.AlterField(
            model_name='reservation',
            name='lapses_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(_LAST, migrations.RunSQL.noop),
    ]
