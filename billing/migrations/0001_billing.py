import billing.fields
import billing.invariants
import datetime
import django.contrib.postgres.constraints
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Exclusion constraints over an account and a time need equality in a GiST index.
        BtreeGistExtension(),
        migrations.CreateModel(
            name='LedgerHead',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('seq', models.BigIntegerField(default=0)),
                ('replayed_until', models.DateTimeField()),
                ('due_at', models.DateTimeField(blank=True, db_index=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Feature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=64, unique=True)),
                ('lowest_tier', billing.fields.TierField(choices=[('free', 'free'), ('early', 'early'), ('mid', 'mid'), ('enterprise', 'enterprise')], max_length=16)),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('lowest_tier__in', ['free', 'early', 'mid', 'enterprise'])), name='feature_tier_known')],
            },
        ),
        migrations.CreateModel(
            name='TierLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tier', billing.fields.TierField(choices=[('free', 'free'), ('early', 'early'), ('mid', 'mid'), ('enterprise', 'enterprise')], max_length=16)),
                ('limit', models.CharField(choices=[('runs_month', 'runs_month'), ('messages_minute', 'messages_minute'), ('concurrent_runs', 'concurrent_runs'), ('concurrent_connections', 'concurrent_connections'), ('session_idle_hours', 'session_idle_hours'), ('retention_days', 'retention_days')], max_length=32)),
                ('value', models.BigIntegerField(blank=True, help_text='Empty is unlimited.', null=True)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField(blank=True, null=True)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='UsageCounter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('feature', models.CharField(max_length=32)),
                ('period_start', models.DateTimeField()),
                ('used', models.BigIntegerField(default=0)),
                ('reserved', models.BigIntegerField(default=0)),
                ('limit', models.BigIntegerField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='usage', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('provider', 'provider'), ('domain', 'domain'), ('trial', 'trial'), ('subscription', 'subscription'), ('manual', 'manual'), ('compensation', 'compensation')], max_length=16)),
                ('tier', billing.fields.TierField(choices=[('free', 'free'), ('early', 'early'), ('mid', 'mid'), ('enterprise', 'enterprise')], max_length=16)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('source', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoke_reason', models.CharField(blank=True, max_length=500)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('revoked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grants', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': (('approve_grant', 'Can approve an enterprise grant'), ('revoke_grant', 'Can revoke a grant')),
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['provider', 'domain', 'trial', 'subscription', 'manual', 'compensation'])), name='grant_kind_known'), models.CheckConstraint(condition=models.Q(('tier__in', ['free', 'early', 'mid', 'enterprise'])), name='grant_tier_known'), models.CheckConstraint(condition=models.Q(('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='grant_has_period', violation_error_code='no_period', violation_error_message='A grant ends after it starts.'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'trial'), _negated=True), models.Q(('ends_at__gte', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=1)))), ('ends_at__isnull', False), ('ends_at__lte', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=30))))), _connector='OR'), name='grant_trial_1_to_30_days', violation_error_code='days_of_trial', violation_error_message='A trial lasts between 1 and 30 days, extensions included.'), models.CheckConstraint(condition=models.Q(('kind', 'provider'), ('tier', 'enterprise'), _negated=True), name='grant_provider_not_enterprise', violation_error_code='enterprise_by_provider', violation_error_message='A sign-in provider never grants enterprise.'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='grant_has_reason', violation_error_code='no_reason', violation_error_message='A reason is needed.'), models.CheckConstraint(condition=models.Q(('actor', None), models.Q(('actor', models.F('user')), _negated=True), _connector='OR'), name='grant_by_another', violation_error_code='own_account', violation_error_message='Nobody grants to their own account.'), models.CheckConstraint(condition=models.Q(models.Q(('approved_at', None), ('approved_by', None)), models.Q(('approved_at__isnull', False), ('approved_by__isnull', False), ('tier', 'enterprise')), _connector='OR'), name='grant_approval_whole', violation_error_code='no_approval_needed', violation_error_message='Only an enterprise grant is approved.'), models.CheckConstraint(condition=models.Q(('approved_by', None), ('actor', None), models.Q(('approved_by', models.F('actor')), _negated=True), _connector='OR'), name='grant_second_person', violation_error_code='same_person', violation_error_message='A second person approves an enterprise grant.'), models.CheckConstraint(condition=models.Q(('approved_by', None), models.Q(('approved_by', models.F('user')), _negated=True), _connector='OR'), name='grant_approved_by_another', violation_error_code='own_account', violation_error_message='Nobody grants to their own account.'), models.CheckConstraint(condition=models.Q(models.Q(('revoke_reason', ''), ('revoked_at', None), ('revoked_by', None)), models.Q(('revoked_at__gte', models.F('starts_at')), ('revoked_at__isnull', False), models.Q(('revoke_reason', ''), _negated=True)), _connector='OR'), name='grant_revocation_whole', violation_error_code='no_reason', violation_error_message='A reason is needed.'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('kind', 'trial')), expressions=[('user', '='), (billing.invariants.TimeRange('starts_at', django.db.models.functions.comparison.Least('ends_at', 'revoked_at')), '&&')], name='grant_trials_apart', violation_error_code='trial_overlaps', violation_error_message='The account has a trial in that time.'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('kind', 'subscription')), expressions=[('user', '='), (billing.invariants.TimeRange('starts_at', django.db.models.functions.comparison.Least('ends_at', 'revoked_at')), '&&')], name='grant_subscriptions_apart', violation_error_code='subscription_overlaps', violation_error_message='The account has a subscription in that time.'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('source', ''), _negated=True), expressions=[('user', '='), ('kind', '='), ('source', '='), (billing.invariants.TimeRange('starts_at', django.db.models.functions.comparison.Least('ends_at', 'revoked_at')), '&&')], name='grant_sources_apart', violation_error_code='source_overlaps', violation_error_message='The same source already grants this in that time.')],
            },
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('feature', models.CharField(max_length=32)),
                ('period_start', models.DateTimeField()),
                ('amount', models.BigIntegerField()),
                ('state', models.CharField(choices=[('held', 'Held'), ('settled', 'Settled'), ('released', 'Released'), ('lapsed', 'Lapsed')], default='held', max_length=16)),
                ('lapses_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reservations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'held')), fields=['user', 'feature', 'period_start', 'lapses_at'], name='reservation_held')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gte', 1)), name='reservation_of_something'), models.CheckConstraint(condition=models.Q(('state__in', ['held', 'settled', 'released', 'lapsed'])), name='reservation_state')],
            },
        ),
        migrations.CreateModel(
            name='TierChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField()),
                ('before', billing.fields.TierField(choices=[('free', 'free'), ('early', 'early'), ('mid', 'mid'), ('enterprise', 'enterprise')], max_length=16)),
                ('after', billing.fields.TierField(choices=[('free', 'free'), ('early', 'early'), ('mid', 'mid'), ('enterprise', 'enterprise')], max_length=16)),
                ('cause', models.CharField(choices=[('granted', 'Granted'), ('approved', 'Approved'), ('revoked', 'Revoked'), ('started', 'Started'), ('expired', 'Expired')], max_length=16)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('at', models.DateTimeField()),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tier_changes', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'seq'), name='tier_change_seq'), models.CheckConstraint(condition=models.Q(('before', models.F('after')), _negated=True), name='tier_change_changes'), models.CheckConstraint(condition=models.Q(('after__in', ['free', 'early', 'mid', 'enterprise'])), name='tier_change_tier_known')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tierchange',
            trigger=pgtrigger.compiler.Trigger(name='chain', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE last_seq bigint; last_after text;', func="\n        SELECT seq, after INTO last_seq, last_after FROM billing_tierchange\n        WHERE user_id = NEW.user_id ORDER BY seq DESC LIMIT 1;\n        IF NEW.seq <> COALESCE(last_seq, 0) + 1\n            OR NEW.before <> COALESCE(last_after, 'free') THEN\n            RAISE EXCEPTION 'a ledger row does not follow the last one'\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n        ", hash='c8bfe72909954362d9eb7ac5ad2ab6c60cabfb39', operation='INSERT', pgid='pgtrigger_chain_3535c', table='billing_tierchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tierchange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='9edc8ff74217b44b4c2267bc3a561c7cb621be70', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_989c4', table='billing_tierchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tierchange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'the ledger of tier changes is append-only';", hash='5b584b12fe551042d4d52f0a0c828daa801aab48', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_2a027', table='billing_tierchange', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=models.CheckConstraint(condition=models.Q(('tier__in', ['free', 'early', 'mid', 'enterprise'])), name='tier_limit_tier_known'),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=models.CheckConstraint(condition=models.Q(('limit__in', ['runs_month', 'messages_minute', 'concurrent_runs', 'concurrent_connections', 'session_idle_hours', 'retention_days'])), name='tier_limit_known'),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=models.CheckConstraint(condition=models.Q(('value', None), ('value__range', (0, 1000000000000)), _connector='OR'), name='tier_limit_value_in_range', violation_error_message='A limit is between 0 and 1000000000000, or empty.'),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until', None), ('valid_until__gt', models.F('valid_from')), _connector='OR'), name='tier_limit_has_period'),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('tier', '='), ('limit', '='), (billing.invariants.TimeRange('valid_from', models.F('valid_until')), '&&')], name='tier_limit_versions_apart'),
        ),
        migrations.AddConstraint(
            model_name='usagecounter',
            constraint=models.UniqueConstraint(fields=('user', 'feature', 'period_start'), name='usage_one_per_period'),
        ),
        migrations.AddConstraint(
            model_name='usagecounter',
            constraint=models.CheckConstraint(condition=models.Q(('reserved__gte', 0), ('used__gte', 0)), name='usage_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='usagecounter',
            constraint=models.CheckConstraint(condition=models.Q(('limit', None), ('limit__gte', django.db.models.expressions.CombinedExpression(models.F('used'), '+', models.F('reserved'))), _connector='OR'), name='usage_within_limit'),
        ),
    ]
