from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0012_thread_external_id'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentmodel',
            name='takes_images',
            field=models.BooleanField(db_default=False, default=False, help_text='It is shown the images that users attach; only for models that can see.', verbose_name='takes images'),
        ),
    ]
