import datetime

from django.db.models.functions import Coalesce

from accounts.models import User
from coachmaster.core.views import list_page
from coachmaster.dashboards.exports import people_columns
from coachmaster.dashboards.forms.people import PeopleListFilter
from coachmaster.dashboards.queries.people import PeopleColumns

SORTS = {
    "name": ["full_name"],
    "role": ["membership__group_id", "full_name"],
    "newest": ["-created_at"],
}
#: Overdue first, then by date, then people without dues.
DUES_SORT = {"due": ["first_due_on", "full_name"]}


def person_list(request):
    columns = PeopleColumns(request.user)
    filters = PeopleListFilter(request.GET, shows_dues=columns.shows_dues)
    people = filters.filter(User.objects.visible_to(request.user).for_list())
    if request.GET.get("sort", "").endswith("role"):
        # True for everybody, but lets the database read people in the order of their roles.
        people = people.filter(membership__isnull=False)
    if columns.shows_dues:
        # The last date stands for no dues, since the databases place NULL differently.
        due = Coalesce("student_profile__account__first_due_on", datetime.date.max)
        people = people.annotate(first_due_on=due)
    return list_page(
        request,
        people,
        template="dashboards/people/list.html",
        sorts=SORTS | DUES_SORT if columns.shows_dues else SORTS,
        default_sort="due" if columns.shows_dues else "name",
        filters=filters,
        export=people_columns(columns),
        filename="people",
        as_rows=columns.load,
        ids_first=True,
        context={"columns": columns},
    )
