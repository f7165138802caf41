"""The language of the request, or of the reader of a mail, for modules that know no Django."""

from datetime import datetime
from decimal import Decimal

from django.utils import formats, translation


class DjangoVoice:
    """Speaks the language that is active in this thread or task."""

    def gettext(self, text: str) -> str:
        return translation.gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return translation.ngettext(one, many, number)

    def grouped(self, number: Decimal, places: int) -> str:
        # Rounded before: Django cuts off what has no place.
        rounded = round(number, places)
        return formats.number_format(rounded, decimal_pos=places, force_grouping=True)

    def dated(self, moment: datetime, form: str) -> str:
        return formats.date_format(moment, form)
