import coachmaster.core.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('file_name', coachmaster.core.fields.SingleLineField(max_length=200)),
                ('content', models.BinaryField(null=True)),
                ('encoding', models.CharField(blank=True, max_length=20)),
                ('sheet', models.CharField(blank=True, max_length=200)),
                ('header_key', models.CharField(blank=True, db_index=True, max_length=64)),
                ('columns', models.JSONField(default=dict)),
                ('defaults', models.JSONField(default=dict)),
                ('corrections', models.JSONField(default=dict)),
                ('skipped_lines', models.JSONField(default=list)),
                ('report', models.JSONField(default=dict)),
                ('uploaded_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('applied_at', models.DateTimeField(db_index=True, null=True)),
                ('created', models.PositiveIntegerField(default=0)),
                ('changed', models.PositiveIntegerField(default=0)),
                ('unchanged', models.PositiveIntegerField(default=0)),
                ('created_ids', models.JSONField(default=list)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
