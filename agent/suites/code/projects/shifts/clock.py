"""Times of day as minutes since midnight."""


def to_minutes(text: str) -> int:
    """Read "08:30" as 510."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def to_text(minutes: int) -> str:
    """Write 510 as "08:30"."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
