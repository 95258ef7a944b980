"""Prices: reading them, tax, discounts."""


def with_tax(cents: int, percent: int) -> int:
    """Add tax to a price; half a cent is rounded up."""
    return cents + (cents * percent + 50) // 100


def discounted(cents: int, percent: int) -> int:
    """Take some percent off a price; parts of a cent are dropped."""
    return cents * (100 - percent) // 100


def read_price(text: str) -> int:
    """Read a price such as "12.50 EUR" as cents; white space around it does not matter."""
    euros, _, cents = text.strip().removesuffix(" EUR").partition(".")
    return int(euros) * 100 + int(cents)
