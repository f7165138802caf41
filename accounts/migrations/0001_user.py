
import accounts.models
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='LoginFailure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_failed_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('locked_until', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('public_id', models.CharField(default=accounts.models.new_user_id, editable=False, max_length=48, unique=True)),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('canonical_address', models.CharField(db_index=True, editable=False, max_length=254)),
                ('mailbox_kind', models.CharField(choices=[('consumer', 'consumer'), ('relay', 'relay'), ('disposable', 'disposable'), ('education', 'education'), ('business', 'business'), ('reserved', 'reserved'), ('unknown', 'unknown')], editable=False, max_length=16)),
                ('recommended_tier', models.CharField(blank=True, editable=False, max_length=16)),
                ('joined_by', models.CharField(choices=[('sign_up', 'Sign Up'), ('provider', 'Provider'), ('staff', 'Staff'), ('import', 'Import')], default='staff', editable=False, max_length=16)),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('verified_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('suspended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('access_changed_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now, editable=False)),
                ('session_generation', models.PositiveIntegerField(default=0, editable=False)),
                ('is_staff', models.BooleanField(default=False, help_text='May use the admin.')),
                ('is_active', models.BooleanField(default=True, help_text='A deactivated user stays out.')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('kind', models.CharField(choices=[('signed_up', 'Signed Up'), ('sign_up_claim', 'sign-up sent unasked fields'), ('verified', 'address verified'), ('locked_out', 'Locked Out'), ('password_changed', 'Password Changed'), ('suspended', 'Suspended'), ('reinstated', 'Reinstated')], editable=False, max_length=32)),
                ('address_hash', models.CharField(blank=True, editable=False, max_length=64)),
                ('network', models.GenericIPAddressField(editable=False, null=True)),
                ('request_id', models.CharField(blank=True, editable=False, max_length=48)),
                ('details', models.JSONField(default=dict, editable=False)),
                ('actor', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='acts', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='audit_events', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_unique_any_case'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='user_email_lower_case'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('canonical_address', ''), _negated=True), name='user_canonical_address_known'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('mailbox_kind__in', ['consumer', 'relay', 'disposable', 'education', 'business', 'reserved', 'unknown'])), name='user_mailbox_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('recommended_tier__in', ['', 'early', 'mid'])), name='user_recommended_tier_below_enterprise'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('joined_by__in', ['sign_up', 'provider', 'staff', 'import'])), name='user_joined_by_known'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['user', '-at'], name='audit_user_newest'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['kind', '-at'], name='audit_kind_newest'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['-at'], name='audit_newest'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditevent',
            trigger=pgtrigger.compiler.Trigger(name='audit_event_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='dbff56c9da059ca74abd71ba35cd0651a69ff628', operation='UPDATE OR DELETE', pgid='pgtrigger_audit_event_append_only_1d6f3', table='accounts_auditevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditevent',
            trigger=pgtrigger.compiler.Trigger(name='audit_event_no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'audit events are append-only';", hash='089ed5528cade2a36bf2bac96e46ef1ca57a7331', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_audit_event_no_truncate_010fb', table='accounts_auditevent', when='BEFORE')),
        ),
    ]
