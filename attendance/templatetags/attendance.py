"""`{% load attendance %}`: how sheet and register write marks. A page has hundreds, so what repeats is written once."""

from functools import lru_cache

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from markupsafe import escape

from attendance.models import Status
from coachmaster.ground.days import LONG_WEEKDAYS, WEEKDAYS
from coachmaster.ground.templatetags.ground import icon, initials, status

register = template.Library()

_CELLS = {
    status: format_html(
        '<td class="m m-{}"><span aria-hidden="true">{}</span><span class="visually-hidden">{}</span></td>',
        status.value,
        status.label[0],
        status.label,
    )
    for status in Status
}
_CELLS[None] = mark_safe(
    '<td class="m"><span aria-hidden="true">·</span><span class="visually-hidden">no mark</span></td>'
)

# The four choices of a row differ in the student's id and in which one is checked: written once for each status.
_CHOICES = {
    checked.value: "".join(
        f'<input type="radio" name="mark-{{0}}" value="{status.value}" id="{status.value[0]}{{0}}"'
        f'{" checked" if status is checked else ""}><label for="{status.value[0]}{{0}}">{status.label}</label>'
        for status in Status
    )
    for checked in Status
}


_ROW = (
    '<li class="sheet-row"{last}><div class="sheet-name"><span class="avatar" aria-hidden="true">{initials}</span>'
    '<span id="n{key}"><strong>{name}</strong> <small>{number}</small></span>'
    '<span class="sheet-so-far">{recent}{so_far}</span></div>'
    '<div class="marks" role="radiogroup" aria-labelledby="n{key}">{choices}</div>'
    '<details class="sheet-note"{is_open}><summary>Note<span class="visually-hidden"> on {name}</span></summary>'
    '<input class="form-control{invalid}" name="note-{key}" value="{note}" maxlength="200" autocomplete="off" '
    'placeholder="The student reads it too" aria-label="Note on {name}, who reads it too"{described}>{below}</details>'
    "{remarks}</li>"
)
_WAS = '<input type="hidden" name="was-{}" value="{}">'
_NOTE_ERROR = '<p class="invalid-feedback d-block" id="e{}">{}</p>'
_LOW = mark_safe('<span class="status status-warn">Low</span>')


@register.filter
def sheet_rows(rows):
    """What a sheet shows of each student: who it is, how they have been coming, the four choices, the note, and what else
    is to be said."""
    return mark_safe("".join(map(_sheet_row, rows)))  # noqa: S308 — joins what is escaped already


def _sheet_row(row):
    key, name, below, described = row.enrollment.student_id, escape(row.enrollment.name), "", ""
    if row.noted:
        below = format_html(_WAS, key, row.noted)
    if row.note_error:
        below += format_html(_NOTE_ERROR, key, row.note_error)
        described = f' aria-describedby="e{key}"'
    return _ROW.format(
        key=key,
        last=f' data-last="{row.last.value}"' if row.last else "",
        name=name,
        initials=escape(initials(row.enrollment.name)),
        number=escape(row.enrollment.number),
        recent=_last_marks(tuple(row.recent)),
        so_far=f"<small>{row.tally}</small>{_LOW if row.is_low else ''}" if row.tally.total else "",
        choices=_CHOICES[row.status].format(key),
        note=escape(row.note),
        is_open=" open" if row.note or row.note_error else "",
        invalid=" is-invalid" if row.note_error else "",
        described=described,
        below=below,
        remarks="".join(map(_remark, row.remarks)),
    )


def _remark(remark):
    sign, tone = (icon("exclamation-triangle"), " differs") if remark.is_warning else ("", "")
    return format_html('<p class="sheet-says{}">{} {}</p>', tone, sign, remark.words)


@lru_cache(maxsize=1024)
def _last_marks(statuses):
    """The last marks of a student, the oldest first: their letters, and their words for a screen reader."""
    if not any(statuses):
        return ""
    letters = "".join(
        format_html('<b class="m-{}">{}</b>', status.value, status.label[0]) if status else "<b>·</b>"
        for status in statuses
    )
    words = ", ".join(status.label.lower() if status else "no mark" for status in statuses)
    return format_html(
        '<span class="sheet-last"><span aria-hidden="true" title="The last classes">{}</span>'
        '<span class="visually-hidden">Last classes: {}.</span></span>',
        mark_safe(letters),  # noqa: S308 — made of the constants above
        words,
    )


_WORDS = {
    Status.PRESENT: status("good", "Present"),
    Status.ABSENT: status("bad", "Absent"),
    Status.LATE: status("warn", "Late"),
    Status.EXCUSED: status("quiet", "Excused"),
    None: mark_safe('<span class="soft">no mark</span>'),
}


@register.filter
def mark_word(mark):
    """A mark in a word with a colour beside it; None is no mark."""
    return _WORDS[mark]


_REGISTER_ROW = (
    '<tr><th scope="row" class="register-who"><a href="{}">{}</a> <small>{}</small></th>'
    '<td class="sum">{}</td><td class="sum">{}{}</td>{}</tr>'
)


@register.filter
def register_rows(rows):
    """The students of a register: who, these days, in all, and P, A, L or E for each day, with the word beside it."""
    return mark_safe(  # noqa: S308 — joins what is escaped already
        "".join(
            _REGISTER_ROW.format(
                reverse("attendance:student-attendance", args=[row.student_id]),
                escape(row.name),
                escape(row.admission_number),
                row.tally,
                row.overall,
                f" {_LOW}" if row.is_low else "",
                "".join(map(_CELLS.get, row.marks)),
            )
            for row in rows
        )
    )


_DAY = "<td{}><span>{}</span>{}</td>"
_DAY_MARKS = {
    status: f'<a class="m m-{status.value}" href="#mark-{{}}"><span aria-hidden="true">{status.label[0]}</span>'
    f'<span class="visually-hidden">{status.label}</span></a>'
    for status in Status
}
_TODAY = ' class="is-today" aria-current="date"'
_WEEKDAYS = mark_safe(  # noqa: S308 — made of constants
    "".join(
        f'<th scope="col"><span aria-hidden="true">{short}</span><span class="visually-hidden">{long}</span></th>'
        for short, long in zip(WEEKDAYS, LONG_WEEKDAYS, strict=True)
    )
)


@register.simple_tag
def weekdays():
    """The headings of a month's columns."""
    return _WEEKDAYS


@register.filter
def month_days(weeks, today):
    """The weeks of a student's month: each day with its marks, which lead to what is told of them below."""

    def cell(one):
        if not one.is_inside:
            return "<td></td>"
        marks = "".join(_DAY_MARKS[mark.status].format(mark.pk) for mark in one.marks)
        return _DAY.format(_TODAY if one.day == today else "", one.day.day, marks)

    rows = ("".join(map(cell, week)) for week in weeks)
    return mark_safe("".join(f"<tr>{row}</tr>" for row in rows))  # noqa: S308 — made of constants and numbers
