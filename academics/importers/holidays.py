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
    """A row is a holiday of one or several days. A day that is a holiday already is renamed."""

    noun = ("holiday", "holidays")
    model = Holiday
    label_columns = ("name", "first")
    add_permissions = ("academics.add_holiday",)
    change_permissions = ("academics.change_holiday",)
    columns = [
        ImportColumn.of(
            Holiday, "name", "holiday", "holiday name", "occasion", "festival", "event", "title"
        ),
        ImportColumn(
            "first", DateFormField(), "date", "day", "first day", "from", "start", "start date",
            "holiday date",
        ),
        ImportColumn(
            "last", DateFormField(required=False), "last day", "to", "until", "end", "end date"
        ),
    ]  # fmt: skip

    def check(self, row):
        check_holiday_range(row["first"], row.get("last", row["first"]))

    def write(self, rows, result, advance):
        holidays = {holiday.day: holiday for holiday in Holiday.objects.all()}
        lines = {}
        for row in rows:
            self._save(row, holidays, lines, result)
            advance(1)
        if result.is_valid and (sheets := count_sheets_on(list(lines))):
            result.notes.append(existing_sheets_message(sheets))

    def _save(self, row, holidays, lines, result):
        new, changed = [], {}
        for day in days_between(row["first"], row.get("last", row["first"])):
            if first := lines.get(day):
                sentence = f"Row {first} has {format_date(day)} already. Keep one of them."
                result.add_error(row, "first", sentence)
                break
            lines[day] = row.line
            if day not in holidays:
                new.append(Holiday(day=day, name=row["name"]))
            elif changes := set_changes(holidays[day], {"name": row["name"]}):
                changed[holidays[day]] = changes
        if new and changed and result.refuses_existing_in:
            result.refuse_existing(row)
        elif new:
            result.add_created(row)
        else:
            holiday = next(iter(changed), None)
            result.add_existing(row, changed.get(holiday, {}), holiday and holiday.pk)
        if result.is_valid:
            created = Holiday.objects.bulk_create(new)
            result.created_ids += [holiday.pk for holiday in created]
            Holiday.objects.bulk_update(changed, ["name"])
