"""Two people with one form open: who saves second is told what changed meanwhile, and nobody's work is lost unseen."""

import contextlib
import datetime
import functools
import json
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from .dates import format_date
from .form_fields import AmountField
from .money import display


def lock_on_post(model, pk=None):
    """For a view that changes the record named by its ``pk``: once the form is sent, others who change it wait until the
    answer is ready, so that what the form compares with cannot change under it."""

    def wrap(view):
        @functools.wraps(view)
        def locking(request, **named):
            if request.method != "POST":
                return view(request, **named)
            with transaction.atomic():
                rows = model._base_manager.select_for_update().filter(pk=pk or named["pk"])
                list(rows.values_list("pk"))
                return view(request, **named)

        return locking

    return wrap


class ConflictCheckForm(forms.BaseForm):
    """A form that is refused once where somebody else saved other values since its page was opened.

    The page remembers what it showed in the hidden field `form.shown`, signed. What was typed stays, and a field that
    nobody touched here takes the new value. Sent again, the form is saved: by then the change was seen. Two people who
    set a field alike are no conflict.
    """

    #: What was sent; a copy that can be changed once a new value is shown in it.
    data: Any

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.edits_record:
            self.fields["shown"] = forms.CharField(
                widget=forms.HiddenInput,
                required=False,
                initial=lambda: _sealed(self.shown_values()),
            )

    @property
    def edits_record(self):
        """Whether there is something yet that others can change."""
        return bool(self.initial)

    # Forms that show more than their fields override these.

    def current_values(self):
        """Return ``{name: (label, value)}`` of what is stored now."""
        named = ((name, field) for name, field in self.fields.items() if name in self.initial)
        return {
            name: (self[name].label, self.get_initial_for_field(field, name))
            for name, field in named
        }

    def shown_values(self):
        """Return ``{name: value}`` of what the page has to remember: here all that it shows."""
        return {name: value for name, (_, value) in self.current_values().items()}

    def restored_values(self, shown):
        """Return ``{name: value}`` of a page that remembered ``shown``."""
        values = {}
        for name, value in shown.items():
            with contextlib.suppress(ValidationError):
                if name in self.fields:
                    value = self.fields[name].to_python(value)
                values[name] = getattr(value, "pk", value)
        return values

    def saved_by(self, shown):
        """Return the name of who saved the record after the page remembered ``shown``."""
        return "somebody else"

    def is_changed(self, name, value):
        """Whether something else than ``value`` was sent for a name."""
        return self.fields[name].has_changed(value, self[name].data)

    def show_value(self, name, value):
        """Show ``value`` instead of what was sent."""
        self.data[self.add_prefix(name)] = value

    def clean(self):
        cleaned = super().clean()
        if "shown" in self.fields:
            self._compare(_unsealed(self.cleaned_data.pop("shown", "")))
        return cleaned

    def _compare(self, remembered):
        shown = self.restored_values(remembered)
        changed = {
            name: (label, value)
            for name, (label, value) in self.current_values().items()
            if shown.get(name, value) != value and self.is_changed(name, value)
        }
        if changed:
            self._refuse(changed, shown, self.saved_by(remembered))

    def _refuse(self, changed, shown, who):
        said = [
            f"{label} (now {_words(self.fields.get(name), value)})"
            for name, (label, value) in changed.items()
        ]
        untouched = [name for name in changed if not self.is_changed(name, shown[name])]
        self.data = self.data.copy()
        self.data[self.add_prefix("shown")] = _sealed(self.shown_values())
        for name in untouched:
            self.show_value(name, changed[name][1])
        self.add_error(
            None,
            f"Nothing is saved yet. Since you opened this page, {who} changed {', '.join(said)}. What you typed is "
            "still here: look it over, and save again.",
        )


class EditForm(ConflictCheckForm, forms.ModelForm):
    """The form of one row. Its page remembers the id of the row's last history record, where it has one."""

    @property
    def edits_record(self):
        return self.instance.pk is not None

    @property
    def edited_records(self):
        """The rows whose fields the form shows."""
        return [self.instance]

    def shown_values(self):
        shown, stored = super().shown_values(), {}
        last = [record.history.first() for record in self._tracked]
        if not last or None in last:
            return shown
        for row in last:
            stored |= forms.model_to_dict(row.instance, fields=list(self.fields))
        if any(stored.get(name, value) != value for name, value in shown.items()):
            return shown  # somebody saved after the form had read the row: the last record is not what it shows
        return {
            "history": [row.history_id for row in last],
            **{name: value for name, value in shown.items() if name not in self.fields},
        }

    def restored_values(self, shown):
        values = super().restored_values(shown)
        for _, row in self._history_of(shown):
            values.update(forms.model_to_dict(row.instance, fields=list(self.fields)))
        return values

    def saved_by(self, shown):
        names: dict = {}
        for record, row in self._history_of(shown):
            later = record.history.filter(pk__gt=row.pk).exclude(history_user=None).order_by("pk")
            names.update(dict.fromkeys(later.values_list("history_user__full_name", flat=True)))
        return " and ".join(names) or super().saved_by(shown)

    @property
    def _tracked(self):
        return [record for record in self.edited_records if hasattr(record, "history")]

    def _history_of(self, shown):
        """Return those of `records` that were saved since, each with the history record that the page showed."""
        pairs = list(zip(self._tracked, shown.get("history", []), strict=False))
        saved = [(record, pk) for record, pk in pairs if record.history.filter(pk__gt=pk).exists()]
        return [
            (record, row) for record, pk in saved if (row := record.history.filter(pk=pk).first())
        ]


def _sealed(values):
    return signing.dumps(json.loads(json.dumps(values, cls=DjangoJSONEncoder)), salt="shown")


def _unsealed(text):
    try:
        return signing.loads(text, salt="shown")
    except signing.BadSignature:
        return {}


def _words(field, value):
    if value in (None, ""):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.date):
        return format_date(value)
    if isinstance(field, forms.ModelChoiceField):
        return f"“{field.to_python(value)}”"
    if isinstance(field, forms.ChoiceField):
        options: Any = field.choices
        return f"“{dict(options).get(value, value)}”"
    return display(value) if isinstance(field, AmountField) else f"“{value}”"
