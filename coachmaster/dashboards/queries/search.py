from accounts.models import User
from accounts.roles import sees_whole_institute
from finance.models import Payment


def students_matching(user, text):
    """Return the students that ``user`` may see, by part of a name, phone, email or number."""
    people = User.objects.visible_to(user).filter(student_profile__isnull=False)
    if not text:
        return people.none()
    found = people.search(text) if sees_whole_institute(user) else people.matching(text)
    if "/" in text and user.has_perm("finance.view_payment"):
        receipts = Payment.objects.visible_to(user).with_receipt_number(text).values("student")
        found = found | people.filter(pk__in=receipts)
    return found.select_related("student_profile")
