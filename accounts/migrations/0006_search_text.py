from django.db import migrations

from coachmaster.core.text import folded


def rewrite(apps, schema_editor):
    """Take email addresses out of the search text, and put guardians' names into it."""
    User = apps.get_model("accounts", "User")
    people = User.objects.select_related("student_profile").order_by("pk")
    last = 0
    while chunk := list(people.filter(pk__gt=last)[:1000]):
        for person in chunk:
            words = [person.full_name, person.phone]
            if profile := getattr(person, "student_profile", None):
                words += [profile.admission_number, profile.guardian_name, profile.guardian_phone]
            person.search_text = folded("\n".join(words))
        User.objects.bulk_update(chunk, ["search_text"], batch_size=200)
        last = chunk[-1].pk


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_admission_number_in_any_case")]

    operations = [migrations.RunPython(rewrite, migrations.RunPython.noop)]
