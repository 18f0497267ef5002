from django import forms


class PaperSizeForm(forms.Form):
    size = forms.ChoiceField(choices=[("a5", "A5"), ("a4", "A4")], required=False)

    def clean_size(self):
        return self.cleaned_data["size"] or "a5"
