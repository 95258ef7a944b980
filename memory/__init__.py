"""Remembers: tasks, trajectories, lessons, and the vectors that find them again.

MemoryFault            anything this room raises
├── JournalCorrupt     (also ValueError)   a journal that cannot be read or mended
├── JournalReadOnly    (also PermissionError)   a write to a journal opened for reading
└── EmbedderMismatch   (also ValueError)   vectors made by another embedder
"""


class MemoryFault(Exception):
    """Anything the memory room raises."""


class JournalCorrupt(MemoryFault, ValueError):
    """The journal file is damaged; the message says where and how to mend it."""


class JournalReadOnly(MemoryFault, PermissionError):
    """A write was asked of a journal that is open for reading only."""


class EmbedderMismatch(MemoryFault, ValueError):
    """The stored vectors were made by another embedder; rebuild the index."""
