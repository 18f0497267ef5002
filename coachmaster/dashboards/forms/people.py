from django.utils import timezone

from accounts.forms.people import PeopleFilter
from finance.models import Account

#: Only for those who may see dues.
DUES_CHOICES = [("dues", "Students with dues"), ("overdue", "Students with overdue dues")]


class PeopleListFilter(PeopleFilter):
    def __init__(self, data, *, shows_dues):
        super().__init__(data)
        if shows_dues:
            show = self.fields["show"]
            show.choices = [*show.choices, *DUES_CHOICES]

    @property
    def lists_dues(self):
        return self.value("show") in dict(DUES_CHOICES)

    def _shown(self, people, show):
        if not self.lists_dues:
            return super()._shown(people, show)
        accounts = Account.objects.with_dues()
        if show == "overdue":
            accounts = accounts.overdue(timezone.localdate())
        return people.filter(student_profile__account__in=accounts)
