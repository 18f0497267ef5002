from accounts.models import User
from accounts.roles import sees_whole_institute
from finance.models import Payment


def students_matching(user, words):
    """Students by part of name, phone, e-mail, admission number or, for who may see money, receipt number."""
    people = User.objects.visible_to(user).filter(student_profile__isnull=False)
    if not words:
        return people.none()
    found = people.search(words) if sees_whole_institute(user) else people.matching(words)
    if "/" in words and user.has_perm("finance.view_payment"):
        receipts = Payment.objects.visible_to(user).numbered(words).values("student")
        found = found | people.filter(pk__in=receipts)
    return found.select_related("student_profile")
