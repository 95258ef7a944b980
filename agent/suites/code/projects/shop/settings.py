"""What the shop may change without changing code."""

SHIPPING = 490
FREE_FROM = 5000
POINTS_PER_EURO = 2
