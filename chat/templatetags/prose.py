"""What people and agents wrote, in templates."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from chat.markdown import as_html

register = template.Library()


@register.filter
def prose(text: str) -> SafeString:
    return mark_safe(as_html(text))  # noqa: S308  it escapes every tag that is in the text
