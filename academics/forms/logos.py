from django import forms

from coachmaster.core.images import MOST_PIXELS, read_picture

#: Pixels in width and height: 300 dots an inch at the size that receipts print.
FIT_IN = (600, 240)


class LogoForm(forms.Form):
    file = forms.FileField(
        label="Picture",
        help_text=f"PNG or JPEG, at most 1 MB and {MOST_PIXELS} pixels wide or high. "
        f"It is stored with at most {FIT_IN[0]} × {FIT_IN[1]} pixels.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )

    def clean_file(self):
        """Return a Picture."""
        return read_picture(self.cleaned_data["file"], fit_in=FIT_IN)
