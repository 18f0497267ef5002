from django.db import migrations


def clear_existing_cheques(apps, schema_editor):
    """Cheques received before clearing was recorded count as paid, as they did until now."""
    Payment = apps.get_model("finance", "Payment")
    ChequeClearing = apps.get_model("finance", "ChequeClearing")
    cheques = Payment.objects.filter(mode="cheque", clearing=None).order_by("pk")
    ChequeClearing.objects.bulk_create(
        (
            ChequeClearing(payment_id=pk, cleared_on=paid_on, recorded_at=at)
            for pk, paid_on, at in cheques.values_list("pk", "paid_on", "recorded_at")
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0007_cheques")]
    operations = [
        migrations.RunPython(clear_existing_cheques, migrations.RunPython.noop, elidable=True)
    ]
