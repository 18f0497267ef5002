import coachmaster.core.constraints
import coachmaster.core.fields
import datetime
import django.db.models.deletion
import django.utils.timezone
import simple_history.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('academics', '0001_initial'),
        ('accounts', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('student', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='account', serialize=False, to='accounts.studentprofile')),
                ('balance', coachmaster.core.fields.MoneyField(default=0)),
                ('first_due_on', coachmaster.core.fields.BoundedDateField(db_index=True, editable=False, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['balance', 'student', 'first_due_on'], name='account_by_balance')],
            },
        ),
        migrations.CreateModel(
            name='DayTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('paid_on', coachmaster.core.fields.BoundedDateField()),
                ('mode', models.CharField(choices=[('cash', 'Cash'), ('card', 'Card'), ('upi', 'UPI'), ('bank_transfer', 'Bank transfer'), ('cheque', 'Cheque')], max_length=15)),
                ('amount', coachmaster.core.fields.MoneyField()),
                ('receipts', models.PositiveIntegerField()),
            ],
            options={
                'ordering': ['paid_on', 'mode'],
                'indexes': [models.Index(fields=['paid_on', 'mode', 'amount'], name='day_total_sums')],
                'constraints': [models.UniqueConstraint(fields=('paid_on', 'mode'), name='day_total_unique')],
            },
        ),
        migrations.CreateModel(
            name='FeePlan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', coachmaster.core.fields.SingleLineField(max_length=100)),
                ('is_active', models.BooleanField(default=True, verbose_name='offered')),
                ('course', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fee_plans', to='academics.course')),
            ],
            options={
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='FeePlanPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('percent', models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True, verbose_name='percent')),
                ('amount', coachmaster.core.fields.MoneyField(blank=True, null=True, verbose_name='amount (₹)')),
                ('days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days after enrolling')),
                ('due_on', coachmaster.core.fields.BoundedDateField(blank=True, null=True, verbose_name='or on')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='finance.feeplan')),
            ],
            options={
                'ordering': ['position', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='FeeReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'Email')], max_length=10)),
                ('sent_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('amount', coachmaster.core.fields.MoneyField()),
                ('sent_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fee_reminders', to='accounts.studentprofile')),
            ],
            options={
                'ordering': ['-sent_at'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalLateFeeRule',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name', coachmaster.core.fields.SingleLineField(max_length=100)),
                ('grace_days', models.PositiveSmallIntegerField(default=7, help_text='The late fee is charged when an installment is overdue for longer.', verbose_name='grace period (days)')),
                ('kind', models.CharField(choices=[('fixed', 'Fixed amount'), ('per_day', 'Amount per day'), ('percent', 'Percent of the unpaid amount')], max_length=10)),
                ('amount', coachmaster.core.fields.MoneyField(blank=True, help_text='Fixed amount, or amount per day.', null=True, verbose_name='amount (₹)')),
                ('percent', models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True, verbose_name='percent')),
                ('cap', coachmaster.core.fields.MoneyField(blank=True, null=True, verbose_name='maximum (₹)')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical late fee rule',
                'verbose_name_plural': 'historical late fee rules',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='LateFeeRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', coachmaster.core.fields.SingleLineField(max_length=100)),
                ('grace_days', models.PositiveSmallIntegerField(default=7, help_text='The late fee is charged when an installment is overdue for longer.', verbose_name='grace period (days)')),
                ('kind', models.CharField(choices=[('fixed', 'Fixed amount'), ('per_day', 'Amount per day'), ('percent', 'Percent of the unpaid amount')], max_length=10)),
                ('amount', coachmaster.core.fields.MoneyField(blank=True, help_text='Fixed amount, or amount per day.', null=True, verbose_name='amount (₹)')),
                ('percent', models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True, verbose_name='percent')),
                ('cap', coachmaster.core.fields.MoneyField(blank=True, null=True, verbose_name='maximum (₹)')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
            ],
            options={
                'ordering': ['name', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('amount', None), ('kind', 'percent'), ('percent__gt', 0), ('percent__lte', 100)), models.Q(('kind__in', ['fixed', 'per_day']), ('percent', None), ('amount__gt', 0)), _connector='OR'), name='late_fee_rule_has_its_figure', violation_error_message='Enter an amount, or a percentage for that kind of rule.'), models.CheckConstraint(condition=models.Q(('cap__gt', 0), ('cap', None), _connector='OR'), name='late_fee_cap_above_zero')],
            },
        ),
        migrations.CreateModel(
            name='Charge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('tuition', 'Tuition fee'), ('registration', 'Registration fee'), ('material', 'Material'), ('exam', 'Exam fee'), ('late_fee', 'Late fee'), ('bounce', 'Bounced cheque'), ('other', 'Other charge')], default='tuition', max_length=12)),
                ('label', coachmaster.core.fields.SingleLineField(blank=True, help_text='Shown on statements, for example “Test series, December”.', max_length=120)),
                ('token', models.CharField(blank=True, max_length=64)),
                ('amount', coachmaster.core.fields.MoneyField()),
                ('posted_on', coachmaster.core.fields.BoundedDateField()),
                ('due_on', coachmaster.core.fields.BoundedDateField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('cancelled_on', coachmaster.core.fields.BoundedDateField(blank=True, null=True)),
                ('cancel_reason', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('open_now', coachmaster.core.fields.MoneyField(editable=False, null=True)),
                ('cancelled_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('enrollment', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='academics.enrollment')),
                ('late_for', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='late_fees', to='finance.charge')),
                ('posted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='accounts.studentprofile')),
                ('late_rule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='finance.latefeerule')),
            ],
            options={
                'ordering': ['due_on', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Letterhead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('address', models.CharField(blank=True, max_length=300)),
                ('phone', models.CharField(blank=True, max_length=16)),
                ('email', models.CharField(blank=True, max_length=254)),
                ('gstin', models.CharField(blank=True, max_length=15, verbose_name='GSTIN')),
                ('state', models.CharField(blank=True, max_length=2)),
                ('gst_percent', models.DecimalField(decimal_places=2, max_digits=4, verbose_name='GST rate (%)')),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(fields=('name', 'address', 'phone', 'email', 'gstin', 'state', 'gst_percent'), name='letterhead_unique')],
            },
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', coachmaster.core.fields.MoneyField()),
                ('paid_on', coachmaster.core.fields.BoundedDateField(verbose_name='date')),
                ('booked_on', coachmaster.core.fields.BoundedDateField(verbose_name='counted on')),
                ('mode', models.CharField(choices=[('cash', 'Cash'), ('card', 'Card'), ('upi', 'UPI'), ('bank_transfer', 'Bank transfer'), ('cheque', 'Cheque')], max_length=15)),
                ('reference', coachmaster.core.fields.SingleLineField(blank=True, max_length=60)),
                ('cheque_on', coachmaster.core.fields.BoundedDateField(blank=True, null=True, verbose_name='date of the cheque')),
                ('notes', coachmaster.core.fields.MultiLineField(blank=True, max_length=500)),
                ('number', models.PositiveIntegerField()),
                ('receipt_number', models.CharField(max_length=16, unique=True)),
                ('token', models.CharField(help_text='Unique per form, so that a form sent twice is recorded once.', max_length=64, unique=True)),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('settled', models.JSONField(default=list, help_text='Paid charges: pairs of a name and an amount.')),
                ('balance_after', coachmaster.core.fields.MoneyField()),
                ('place_of_supply', models.CharField(blank=True, max_length=2)),
                ('enrollment', models.ForeignKey(blank=True, db_index=False, help_text='Used by the reports by course and batch.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='academics.enrollment')),
                ('letterhead', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='finance.letterhead')),
                ('received_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='accounts.studentprofile')),
            ],
            options={
                'ordering': ['-paid_on', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='LiveReference',
            fields=[
                ('reference', models.CharField(max_length=90, primary_key=True, serialize=False)),
                ('payment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='live_reference', to='finance.payment')),
            ],
        ),
        migrations.CreateModel(
            name='ReceiptPrint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('copy', models.PositiveIntegerField(help_text='1 is the original.')),
                ('printed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prints', to='finance.payment')),
                ('printed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['payment', 'copy'],
            },
        ),
        migrations.CreateModel(
            name='ReceiptSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('receipt', 'Receipts'), ('refund', 'Refund vouchers'), ('opening', 'Opening payments')], default='receipt', max_length=10)),
                ('year', models.PositiveSmallIntegerField(help_text='The year in which the financial year begins.')),
                ('prefix', models.CharField(max_length=4)),
                ('first_number', models.PositiveIntegerField(default=1, help_text='Set once, before the first receipt of the year.')),
                ('last_number', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name_plural': 'receipt series',
                'ordering': ['-year', 'kind'],
                'constraints': [models.UniqueConstraint(fields=('kind', 'year'), name='series_one_a_year')],
            },
        ),
        migrations.AddField(
            model_name='payment',
            name='series',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='finance.receiptseries'),
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', coachmaster.core.fields.MoneyField()),
                ('refunded_on', coachmaster.core.fields.BoundedDateField(verbose_name='date')),
                ('booked_on', coachmaster.core.fields.BoundedDateField(verbose_name='counted on')),
                ('mode', models.CharField(choices=[('cash', 'Cash'), ('card', 'Card'), ('upi', 'UPI'), ('bank_transfer', 'Bank transfer'), ('cheque', 'Cheque')], max_length=15)),
                ('reference', coachmaster.core.fields.SingleLineField(blank=True, max_length=60)),
                ('reason', coachmaster.core.fields.SingleLineField(max_length=200)),
                ('number', models.PositiveIntegerField()),
                ('voucher_number', models.CharField(max_length=16, unique=True)),
                ('token', models.CharField(max_length=64, unique=True)),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('letterhead', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='finance.letterhead')),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='finance.payment')),
                ('refunded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='finance.receiptseries')),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='accounts.studentprofile')),
            ],
            options={
                'ordering': ['-refunded_on', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Reversal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('void', 'Cancelled'), ('bounced', 'Bounced')], default='void', max_length=10)),
                ('voided_on', coachmaster.core.fields.BoundedDateField()),
                ('booked_on', coachmaster.core.fields.BoundedDateField(verbose_name='counted on')),
                ('reason', coachmaster.core.fields.SingleLineField(max_length=200)),
                ('voided_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('payment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='reversal', to='finance.payment')),
                ('voided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-voided_at'],
            },
        ),
        migrations.CreateModel(
            name='Concession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', coachmaster.core.fields.MoneyField()),
                ('kind', models.CharField(choices=[('sibling', 'Sibling'), ('merit', 'Merit'), ('staff', 'Child of staff'), ('hardship', 'Hardship'), ('late_fee', 'Late fee waived'), ('other', 'Other')], max_length=10)),
                ('reason', coachmaster.core.fields.SingleLineField(max_length=200)),
                ('token', models.CharField(db_index=True, max_length=64)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('approved_on', coachmaster.core.fields.BoundedDateField(blank=True, null=True)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('cancelled_on', coachmaster.core.fields.BoundedDateField(blank=True, null=True)),
                ('cancel_reason', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('cancelled_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('charge', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='concessions', to='finance.charge')),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='concessions', to='accounts.studentprofile')),
            ],
            options={
                'ordering': ['-asked_at', '-pk'],
                'permissions': [('approve_concession', 'Can approve concessions above the limit')],
                'indexes': [models.Index(fields=['student'], name='concession_by_student'), models.Index(condition=models.Q(('approved_on', None), ('cancelled_on', None)), fields=['asked_at'], name='concession_waiting')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', Decimal('0.00'))), name='concession_amount_above_zero', violation_error_message='The amount must be above zero.'), coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('kind__in', ['sibling', 'merit', 'staff', 'hardship', 'late_fee', 'other'])), name='concession_kind_known'), coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('reason', ''), _negated=True), name='concession_has_a_reason'), models.UniqueConstraint(fields=('token', 'charge'), name='concession_once_a_charge'), models.CheckConstraint(condition=models.Q(models.Q(('cancel_reason', ''), ('cancelled_on', None)), models.Q(('cancelled_on__isnull', False), models.Q(('cancel_reason', ''), _negated=True)), _connector='OR'), name='concession_cancelled_with_a_reason', violation_error_message='Enter the reason for cancelling the concession.'), coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('approved_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('approved_on__isnull', True), _connector='OR'), name='concession_approved_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'), coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('cancelled_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('cancelled_on__isnull', True), _connector='OR'), name='concession_cancelled_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.')],
            },
        ),
        migrations.CreateModel(
            name='DayClose',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('closed_on', coachmaster.core.fields.BoundedDateField(verbose_name='day')),
                ('counted_cash', coachmaster.core.fields.MoneyField(verbose_name='cash counted (₹)')),
                ('system_cash', coachmaster.core.fields.MoneyField(verbose_name='expected cash (₹)')),
                ('note', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('closed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'day close',
                'ordering': ['-closed_on', 'person'],
                'constraints': [models.UniqueConstraint(fields=('person', 'closed_on'), name='day_close_once', violation_error_message='This day is already closed.'), models.CheckConstraint(condition=models.Q(('counted_cash', models.F('system_cash')), models.Q(('note', ''), _negated=True), _connector='OR'), name='day_close_difference_has_a_note', violation_error_message='Explain the difference in the note.'), coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('closed_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('closed_on__isnull', True), _connector='OR'), name='day_close_closed_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.')],
            },
        ),
        migrations.AddConstraint(
            model_name='feeplan',
            constraint=models.UniqueConstraint(fields=('course', 'name'), name='fee_plan_name_unique', violation_error_message='The course already has a plan with this name.'),
        ),
        migrations.AddConstraint(
            model_name='feeplanpart',
            constraint=models.UniqueConstraint(fields=('plan', 'position'), name='fee_plan_part_position_unique'),
        ),
        migrations.AddConstraint(
            model_name='feeplanpart',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', None), ('percent__gt', 0)), models.Q(('amount__gt', 0), ('percent', None)), _connector='OR'), name='fee_plan_part_has_a_share', violation_error_message='Enter a percentage or an amount for each installment.'),
        ),
        migrations.AddConstraint(
            model_name='feeplanpart',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('days__isnull', False), ('due_on', None)), models.Q(('days', None), ('due_on__isnull', False)), _connector='OR'), name='fee_plan_part_has_a_day', violation_error_message='Enter the days or a date for each installment.'),
        ),
        migrations.AddConstraint(
            model_name='feeplanpart',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('due_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('due_on__isnull', True), _connector='OR'), name='fee_plan_part_due_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddIndex(
            model_name='feereminder',
            index=models.Index(fields=['student', '-sent_at'], name='reminder_by_student'),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(fields=['student', 'due_on', 'posted_on', 'cancelled_on', 'amount'], name='charge_by_student'),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(fields=['enrollment', 'due_on', 'cancelled_on', 'amount'], name='charge_by_enrollment'),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(condition=models.Q(('cancelled_on', None)), fields=['due_on', 'enrollment', 'amount'], name='charge_live_by_due'),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(condition=models.Q(('open_now__isnull', False)), fields=['due_on', 'student', 'open_now'], name='charge_open_by_due'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', Decimal('0.00'))), name='charge_amount_above_zero', violation_error_message='The amount must be above zero.'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('kind__in', ['tuition', 'registration', 'material', 'exam', 'late_fee', 'bounce', 'other'])), name='charge_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cancel_reason', ''), ('cancelled_on', None)), models.Q(('cancelled_on__isnull', False), models.Q(('cancel_reason', ''), _negated=True)), _connector='OR'), name='charge_cancelled_with_a_reason', violation_error_message='Enter the reason for cancelling the charge.'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(('enrollment', None), ('kind', 'tuition'), _negated=True), name='charge_tuition_has_an_enrollment'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'late_fee'), ('late_for__isnull', False), ('late_rule__isnull', False)), models.Q(models.Q(('kind', 'late_fee'), _negated=True), ('late_for', None), ('late_rule', None)), _connector='OR'), name='charge_late_fee_names_its_installment'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'late_fee')), fields=('late_for', 'late_rule'), name='charge_one_late_fee_a_rule'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.UniqueConstraint(condition=models.Q(('token', ''), _negated=True), fields=('student', 'token'), name='charge_posted_once_a_student'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('posted_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('posted_on__isnull', True), _connector='OR'), name='charge_posted_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('due_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('due_on__isnull', True), _connector='OR'), name='charge_due_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('cancelled_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('cancelled_on__isnull', True), _connector='OR'), name='charge_cancelled_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='receiptprint',
            constraint=models.UniqueConstraint(fields=('payment', 'copy'), name='receipt_print_copy_unique'),
        ),
        migrations.AddConstraint(
            model_name='receiptprint',
            constraint=models.CheckConstraint(condition=models.Q(('copy__gte', 1)), name='receipt_print_copy_from_one'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['student', '-paid_on', 'amount'], name='payment_by_student'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['enrollment', 'paid_on', 'amount'], name='payment_by_enrollment'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['-paid_on', '-id', 'mode'], name='payment_by_day'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['paid_on', 'mode'], name='payment_by_day_and_mode'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['-recorded_at'], name='payment_by_newest'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['booked_on'], name='payment_by_book'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', Decimal('0.00'))), name='payment_amount_above_zero', violation_error_message='The amount must be above zero.'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('mode__in', ['cash', 'card', 'upi', 'bank_transfer', 'cheque'])), name='payment_mode_known'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(fields=('series', 'number'), name='payment_number_unique'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('token', ''), _negated=True), name='payment_has_a_token'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cheque_on__isnull', False), ('mode', 'cheque')), models.Q(models.Q(('mode', 'cheque'), _negated=True), ('cheque_on', None)), _connector='OR'), name='payment_cheque_has_a_date', violation_error_message='Enter the date of the cheque.'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('paid_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('paid_on__isnull', True), _connector='OR'), name='payment_paid_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('booked_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('booked_on__isnull', True), _connector='OR'), name='payment_booked_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('cheque_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('cheque_on__isnull', True), _connector='OR'), name='payment_cheque_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['student', 'refunded_on'], name='refund_by_student'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['booked_on'], name='refund_by_day'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', Decimal('0.00'))), name='refund_amount_above_zero', violation_error_message='The amount must be above zero.'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('mode__in', ['cash', 'card', 'upi', 'bank_transfer', 'cheque'])), name='refund_mode_known'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('series', 'number'), name='refund_number_unique'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('reason', ''), _negated=True), name='refund_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('refunded_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('refunded_on__isnull', True), _connector='OR'), name='refund_refunded_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('booked_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('booked_on__isnull', True), _connector='OR'), name='refund_booked_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddIndex(
            model_name='reversal',
            index=models.Index(fields=['booked_on'], name='reversal_by_book'),
        ),
        migrations.AddConstraint(
            model_name='reversal',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('reason', ''), _negated=True), name='reversal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='reversal',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('voided_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('voided_on__isnull', True), _connector='OR'), name='reversal_voided_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddConstraint(
            model_name='reversal',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('booked_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('booked_on__isnull', True), _connector='OR'), name='reversal_booked_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
    ]
