"""Orders: lists of lines such as {"item": "rope", "price": 450, "quantity": 2}."""

from . import settings
from .prices import with_tax

Line = dict[str, str | int]


def goods_total(lines: list[Line]) -> int:
    """The price of all lines, each as often as its quantity."""
    return sum(int(line["price"]) * int(line["quantity"]) for line in lines)


def shipping(cents: int) -> int:
    """What it costs to send goods of this price: nothing from FREE_FROM on."""
    return 0 if cents >= settings.FREE_FROM else settings.SHIPPING


def order_total(lines: list[Line], percent: int) -> int:
    """The goods with tax of some percent, and the shipping of the goods without tax."""
    goods = goods_total(lines)
    return with_tax(goods, percent) + shipping(goods)


def points(cents: int) -> int:
    """Points a customer gets: POINTS_PER_EURO for each whole euro."""
    return cents // 100 * settings.POINTS_PER_EURO
