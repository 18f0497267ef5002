from academics.models import Holiday
from academics.services.holidays import (
    check_holiday_range,
    count_sheets_on,
    existing_sheets_message,
)
from coachmaster.core.dates import days_between, format_date
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.importers import ImportColumn, Importer, set_changes


class HolidayImporter(Importer):
    """Holidays, one day or several in a row with one name; a day is known again by its date, and takes the file's name."""

    noun = ("holiday", "holidays")
    model = Holiday
    label_columns = ("name", "first")
    columns = [
        ImportColumn.of(
            Holiday, "name", "holiday", "holiday name", "occasion", "festival", "event", "title"
        ),
        ImportColumn(
            "first",
            DateFormField(),
            "date",
            "day",
            "first day",
            "from",
            "start",
            "start date",
            "holiday date",
        ),
        ImportColumn(
            "last", DateFormField(required=False), "last day", "to", "until", "end", "end date"
        ),
    ]

    def check(self, row):
        check_holiday_range(row["first"], row.get("last", row["first"]))

    def write(self, rows, result, advance):
        known, lines = {holiday.day: holiday for holiday in Holiday.objects.all()}, {}
        for row in rows:
            new, changed = [], {}
            for day in days_between(row["first"], row.get("last", row["first"])):
                if first := lines.get(day):
                    result.add_error(
                        row,
                        "first",
                        f"Row {first} has {format_date(day)} already. Keep one of them.",
                    )
                    break
                lines[day] = row.line
                if day not in known:
                    new.append(Holiday(day=day, name=row["name"]))
                elif changes := set_changes(known[day], {"name": row["name"]}):
                    changed[known[day]] = changes
            if new:
                result.add_created(row)
            else:
                one = next(iter(changed), None)
                result.add_existing(row, changed.get(one, {}), one and one.pk)
            if result.is_valid:
                result.created_ids += [holiday.pk for holiday in Holiday.objects.bulk_create(new)]
                Holiday.objects.bulk_update(changed, ["name"])
            advance(1)
        if result.is_valid and (sheets := count_sheets_on(list(lines))):
            result.notes.append(existing_sheets_message(sheets))
