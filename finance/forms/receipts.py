from django import forms


class PaperSizeForm(forms.Form):
    """On what paper a receipt is printed: A5 when nothing is said."""

    size = forms.ChoiceField(choices=[("a5", "A5"), ("a4", "A4")], required=False)

    def clean_size(self):
        """The paper, in the words of `documents.receipt_pdf`."""
        return self.cleaned_data["size"] or "a5"
