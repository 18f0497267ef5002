from django import forms


class MonthForm(forms.Form):
    """Choice of one of ``months``, `?month=2026-06`; the newest by default."""

    def __init__(self, data, *, months):
        self.months = {f"{day:%Y-%m}": day for day in months}
        asked = data.get("month")
        self.month = asked if asked in self.months else next(iter(self.months), "")
        super().__init__({"month": self.month})
        choices = [(key, f"{day:%B %Y}") for key, day in self.months.items()]
        self.fields["month"] = forms.ChoiceField(
            choices=choices,
            widget=forms.Select(attrs={"class": "form-select", "aria-label": "Month"}),
        )

    @property
    def first(self):
        return self.months.get(self.month)

    @property
    def earlier(self):
        return self._month_at(1)

    @property
    def later(self):
        return self._month_at(-1)

    def _month_at(self, step):
        months = list(self.months.values())
        position = months.index(self.first) + step if months else -1
        return months[position] if 0 <= position < len(months) else None
