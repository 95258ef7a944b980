"""Names of things as the depot writes them."""

from . import settings


def clean(name: str) -> str:
    """In lower case, with single spaces between words and none around them."""
    return " ".join(name.lower().split())


def label(name: str) -> str:
    """The clean name in upper case, cut to LONGEST_NAME characters."""
    return clean(name).upper()[: settings.LONGEST_NAME]
