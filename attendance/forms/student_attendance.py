from django import forms


class MonthForm(forms.Form):
    """One month out of those there are: `?month=2026-06`; the newest unless another is chosen."""

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
        """The first day of the month to show; None when there is none."""
        return self.months.get(self.month)

    @property
    def earlier(self):
        """The month before, None at the oldest."""
        return self._beside(1)

    @property
    def later(self):
        """The month after, None at the newest."""
        return self._beside(-1)

    def _beside(self, step):
        months = list(self.months.values())
        at = months.index(self.first) + step if months else -1
        return months[at] if 0 <= at < len(months) else None
