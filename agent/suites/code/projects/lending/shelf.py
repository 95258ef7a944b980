"""Titles, and loans such as {"title": "Emma", "due": "2024-05-31"}."""


def sort_title(title: str) -> str:
    """A title as it is sorted: in lower case, without space around it or a leading "The "."""
    return title.strip().lower().removeprefix("the ")


def overdue(loans: list[dict[str, str]], today: str) -> list[str]:
    """The titles of the loans that were due before today, sorted as titles are."""
    late = [loan["title"] for loan in loans if loan["due"] < today]
    return sorted(late, key=sort_title)
