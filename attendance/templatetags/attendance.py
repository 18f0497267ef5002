"""`{% load attendance %}`: how sheet and register write marks. A page has hundreds, so what repeats is written once."""

from functools import lru_cache

from django import template
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from attendance.models import Status
from coachmaster.ground.addresses import address
from coachmaster.ground.templatetags.ground import initials, status

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
    '<div class="sheet-name"><span class="avatar" aria-hidden="true">{initials}</span>'
    '<span id="n{key}"><strong>{name}</strong> <small>{number}</small></span>'
    '<span class="sheet-so-far">{recent}{so_far}</span></div>'
    '<div class="marks" role="radiogroup" aria-labelledby="n{key}">{choices}</div>'
    '<details class="sheet-note"{is_open}><summary>Note<span class="visually-hidden"> on {name}</span></summary>'
    '<input class="form-control{invalid}" name="note-{key}" value="{note}" maxlength="200" autocomplete="off" '
    'placeholder="The student reads it too" aria-label="Note on {name}, who reads it too"{described}>{below}</details>'
)
_WAS = '<input type="hidden" name="was-{}" value="{}">'
_NOTE_ERROR = '<p class="invalid-feedback d-block" id="e{}">{}</p>'
_LOW = mark_safe('<span class="status status-warn">Low</span>')
_OPEN, _INVALID = mark_safe(" open"), " is-invalid"


@register.filter
def sheet_row(row):
    """What a sheet shows of one student: who it is, how they have been coming, the four choices, the note."""
    key, name, below, described = row.enrollment.student_id, row.enrollment.name, "", ""
    if row.noted:
        below = format_html(_WAS, key, row.noted)
    if row.note_error:
        below += format_html(_NOTE_ERROR, key, row.note_error)
        described = format_html(' aria-describedby="e{}"', key)
    return format_html(
        _ROW,
        key=key,
        name=name,
        initials=initials(name),
        number=row.enrollment.number,
        recent=_last_marks(tuple(row.recent)),
        so_far=format_html("<small>{}</small>{}", row.tally, _LOW if row.is_low else "") if row.tally.total else "",
        choices=mark_safe(_CHOICES[row.status].format(key)),  # noqa: S308 — made of constants and a number
        note=row.note,
        is_open=_OPEN if row.note or row.note_error else "",
        invalid=_INVALID if row.note_error else "",
        described=described,
        below=below,
    )


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
            format_html(
                _REGISTER_ROW,
                address("attendance:student-attendance", row.student_id),
                row.name,
                row.admission_number,
                row.tally,
                row.overall,
                _LOW_BESIDE if row.is_low else "",
                mark_safe("".join(map(_CELLS.get, row.marks))),  # noqa: S308 — made of the constants above
            )
            for row in rows
        )
    )


_LOW_BESIDE = mark_safe(" ") + _LOW
_DAY = "<td{}><span>{}</span>{}</td>"
_DAY_MARKS = {
    status: f'<a class="m m-{status.value}" href="#mark-{{}}"><span aria-hidden="true">{status.label[0]}</span>'
    f'<span class="visually-hidden">{status.label}</span></a>'
    for status in Status
}
_TODAY = mark_safe(' class="is-today" aria-current="date"')


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
