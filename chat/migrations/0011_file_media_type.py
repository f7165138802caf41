from django.conf import settings
from django.db import migrations, models

MEASURED = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0010_threads_managed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='file',
            name='media_type',
            field=models.CharField(choices=[('text/plain', 'text/plain'), ('application/pdf', 'application/pdf'), ('image/png', 'image/png'), ('image/jpeg', 'image/jpeg'), ('image/webp', 'image/webp'), ('image/gif', 'image/gif')], db_default='text/plain', default='text/plain', max_length=32),
        ),
        migrations.AddField(
            model_name='file',
            name='width',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='file',
            name='height',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name='file',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('height__gt', 0), ('height__isnull', False), ('media_type__in', MEASURED), ('width__gt', 0), ('width__isnull', False)), models.Q(models.Q(('media_type__in', MEASURED), _negated=True), ('height', None), ('width', None)), _connector='OR'), name='file_measured_exactly_when_image'),
        ),
    ]
