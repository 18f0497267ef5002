import coachmaster.core.constraints
import coachmaster.core.fields
import datetime
import django.db.models.deletion
import django.utils.timezone
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
            name='EarlierAttendance',
            fields=[
                ('present', models.PositiveIntegerField(default=0, editable=False)),
                ('absent', models.PositiveIntegerField(default=0, editable=False)),
                ('late', models.PositiveIntegerField(default=0, editable=False)),
                ('excused', models.PositiveIntegerField(default=0, editable=False)),
                ('enrollment', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='earlier_attendance', serialize=False, to='academics.enrollment')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('present', models.PositiveIntegerField(default=0, editable=False)),
                ('absent', models.PositiveIntegerField(default=0, editable=False)),
                ('late', models.PositiveIntegerField(default=0, editable=False)),
                ('excused', models.PositiveIntegerField(default=0, editable=False)),
                ('enrollment', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='presence', serialize=False, to='academics.enrollment')),
                ('absences_in_a_row', models.PositiveIntegerField(default=0, editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Sheet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('present', models.PositiveIntegerField(default=0, editable=False)),
                ('absent', models.PositiveIntegerField(default=0, editable=False)),
                ('late', models.PositiveIntegerField(default=0, editable=False)),
                ('excused', models.PositiveIntegerField(default=0, editable=False)),
                ('held_on', coachmaster.core.fields.BoundedDateField(verbose_name='date')),
                ('topic', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('taken_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('version', models.PositiveIntegerField(default=1)),
                ('is_open', models.BooleanField(default=False, editable=False)),
                ('earlier_saves', models.JSONField(default=list, editable=False)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sheets', to='academics.batch')),
                ('taken_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-held_on', '-pk'],
                'permissions': [('correct_any_day', 'Can mark and correct attendance of any day')],
            },
        ),
        migrations.CreateModel(
            name='Mark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('present', 'Present'), ('absent', 'Absent'), ('late', 'Late'), ('excused', 'Excused')], max_length=10)),
                ('note', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marks', to='academics.enrollment')),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marks', to='accounts.studentprofile')),
                ('sheet', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='marks', to='attendance.sheet')),
            ],
            options={
                'ordering': ['-sheet__held_on', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='CheckIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('present', 'Present'), ('absent', 'Absent'), ('late', 'Late'), ('excused', 'Excused')], max_length=10)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='check_ins', to='accounts.studentprofile')),
                ('sheet', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='check_ins', to='attendance.sheet')),
            ],
            options={
                'verbose_name': 'check-in',
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='AttendanceReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('whatsapp', 'WhatsApp'), ('email', 'Email')], max_length=10)),
                ('sent_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('attended', models.PositiveIntegerField()),
                ('counted', models.PositiveIntegerField()),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attendance_reminders', to='academics.enrollment')),
                ('sent_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-sent_at'],
                'indexes': [models.Index(fields=['enrollment', '-sent_at'], name='attendance_reminder_latest')],
            },
        ),
        migrations.CreateModel(
            name='MarkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.CharField(choices=[('present', 'Present'), ('absent', 'Absent'), ('late', 'Late'), ('excused', 'Excused')], max_length=10)),
                ('after', models.CharField(choices=[('present', 'Present'), ('absent', 'Absent'), ('late', 'Late'), ('excused', 'Excused')], max_length=10)),
                ('note_before', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('note_after', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('reason', coachmaster.core.fields.SingleLineField(blank=True, max_length=200)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('mark', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='attendance.mark')),
            ],
            options={
                'ordering': ['-changed_at', '-pk'],
                'indexes': [models.Index(fields=['-changed_at', '-id'], name='mark_change_by_newest')],
            },
        ),
        migrations.CreateModel(
            name='RegisterReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sent_on', coachmaster.core.fields.BoundedDateField()),
                ('registers', models.PositiveIntegerField(help_text='Number of registers in the email.')),
                ('instructor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-sent_on', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('instructor', 'sent_on'), name='register_reminder_one_a_day'), coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('sent_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('sent_on__isnull', True), _connector='OR'), name='register_reminder_sent_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.')],
            },
        ),
        migrations.AddIndex(
            model_name='sheet',
            index=models.Index(fields=['held_on', 'batch', 'is_open'], name='sheet_by_day'),
        ),
        migrations.AddConstraint(
            model_name='sheet',
            constraint=models.UniqueConstraint(fields=('batch', 'held_on'), name='sheet_one_a_day', violation_error_message='This batch already has an attendance sheet for this day.'),
        ),
        migrations.AddConstraint(
            model_name='sheet',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('held_on__range', (datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))), ('held_on__isnull', True), _connector='OR'), name='sheet_held_on_in_bounds', violation_error_message='Enter a date between 1900 and 2100.'),
        ),
        migrations.AddIndex(
            model_name='mark',
            index=models.Index(fields=['student', 'status'], name='mark_by_student'),
        ),
        migrations.AddIndex(
            model_name='mark',
            index=models.Index(fields=['enrollment', 'status'], name='mark_by_enrollment'),
        ),
        migrations.AddConstraint(
            model_name='mark',
            constraint=models.UniqueConstraint(fields=('sheet', 'student'), name='mark_one_a_sheet'),
        ),
        migrations.AddConstraint(
            model_name='mark',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('status__in', ['present', 'absent', 'late', 'excused'])), name='mark_status_known'),
        ),
        migrations.AddConstraint(
            model_name='checkin',
            constraint=models.UniqueConstraint(fields=('sheet', 'student'), name='check_in_once'),
        ),
        migrations.AddConstraint(
            model_name='checkin',
            constraint=models.UniqueConstraint(fields=('sheet', 'device'), name='check_in_one_a_device'),
        ),
        migrations.AddConstraint(
            model_name='checkin',
            constraint=coachmaster.core.constraints.DatabaseOnlyConstraint(condition=models.Q(('status__in', ['present', 'absent', 'late', 'excused'])), name='check_in_status_known'),
        ),
    ]
