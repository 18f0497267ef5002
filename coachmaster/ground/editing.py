"""Two people with one form open: who saves second is told what changed meanwhile, and nobody's work is lost unseen."""

import datetime
import functools
import hashlib
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction

from .days import day_words
from .money import AmountField, display


def one_at_a_time(model, pk=None):
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


class ShownField(forms.CharField):
    """A fingerprint of each value that a form showed when it was opened."""

    widget = forms.HiddenInput

    def has_changed(self, initial, data):
        return False


class OneAtATime(forms.BaseForm):
    """A form about something that others may be changing too: what it had when it was opened is its ``initial``.

    Its page carries fingerprints of the values it showed (`form.shown`). Where a value is another one by the time the
    form is sent, the form is refused and names it; what was typed stays, and a field that nobody touched here takes the
    new value. Sent again, it is saved: by then the change was seen. A value that somebody else set just so is no conflict.
    """

    #: What was sent; a copy that can be changed once something of it is taken over.
    data: Any

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.is_of_a_record:
            self.fields["shown"] = ShownField(required=False, initial=self.fingerprints)

    @property
    def is_of_a_record(self):
        """Whether there is something yet that others can change."""
        return bool(self.initial)

    # A form that shows more than its fields tells of the rest in these three too.

    def standing(self):
        """What the record holds: a name → label and value."""
        named = ((name, field) for name, field in self.fields.items() if name in self.initial)
        return {name: (self[name].label, self.get_initial_for_field(field, name)) for name, field in named}

    def typed(self, name):
        """The value that was sent, if it is a good one."""
        return self.cleaned_data.get(name, _BAD)

    def take_over(self, name, value):
        """Show ``value`` instead of what was sent."""
        self.data[self.add_prefix(name)] = self.fields[name].prepare_value(value)

    def fingerprints(self):
        """One for each value, as `name:fingerprint` with spaces between."""
        return " ".join(f"{name}:{_fingerprint(value)}" for name, (_, value) in self.standing().items())

    def clean(self):
        cleaned = super().clean()
        shown = dict(pair.split(":", 1) for pair in self.cleaned_data.pop("shown", "").split() if ":" in pair)
        changed = [
            (name, label, value)
            for name, (label, value) in self.standing().items()
            if _fingerprint(value) not in (shown.get(name, _fingerprint(value)), _fingerprint(self.typed(name)))
        ]
        if changed:
            self._refuse(changed, shown)
        return cleaned

    def _refuse(self, changed, shown):
        said = [f"{label} (now {_words(self.fields.get(name), value)})" for name, label, value in changed]
        self.data = self.data.copy()
        self.data[self.add_prefix("shown")] = self.fingerprints()
        for name, _, value in changed:
            if _fingerprint(self.typed(name)) == shown[name]:
                self.take_over(name, value)
        self.add_error(
            None,
            f"Nothing is saved yet. Since you opened this page, somebody else changed {', '.join(said)}. What you typed is "
            "still here: look it over, and save again.",
        )


class EditForm(OneAtATime, forms.ModelForm):
    """The form of one row."""

    #: Beside which field a constraint of the model says what is wrong, by the name of the constraint; else above the form.
    beside: dict[str, str] = {}

    def _update_errors(self, errors):
        constraints = {one.name: one.violation_error_message for one in self._meta.model._meta.constraints}
        places = {constraints[name]: field for name, field in self.beside.items()}
        placed: dict[str, list] = {}
        for field, said in errors.error_dict.items():
            for error in said:
                placed.setdefault(places.get(error.message, field), []).append(error)
        super()._update_errors(ValidationError(placed))  # type: ignore[misc]

    @property
    def is_of_a_record(self):
        return self.instance.pk is not None


#: What was typed and is not a good value.
_BAD = object()


def _fingerprint(value):
    """The same for a value from the database and one from a form."""
    value = getattr(value, "pk", value)
    text = "" if value is None else f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _words(field, value):
    if value in (None, ""):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.date):
        return day_words(value)
    if isinstance(field, forms.ModelChoiceField):
        return f"“{field.to_python(value)}”"
    if isinstance(field, forms.ChoiceField):
        options: Any = field.choices
        return f"“{dict(options).get(value, value)}”"
    return display(value) if isinstance(field, AmountField) else f"“{value}”"
