from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0011_file_media_type"),
    ]

    operations = [
        migrations.AddField(
            model_name="thread",
            name="external_id",
            field=models.CharField(editable=False, max_length=128, null=True),
        ),
        migrations.AddConstraint(
            model_name="thread",
            constraint=models.UniqueConstraint(
                models.F("user"), models.F("external_id"), name="thread_external_id_once"
            ),
        ),
    ]
