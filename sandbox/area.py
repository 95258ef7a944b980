"""The work area as the runner reads and writes it between runs. Standard library only.

Bound into the sandbox beside `runner.py`. It is used only while no process of a run lives, so that
nothing moves under it; what a run left behind may still be a trap, so no link is ever followed.
Covered: links, devices, odd names, deep folders, sparse files. Not covered: times and owners of
files, of which only the right to be run is kept.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import stat
from typing import Any

Message = dict[str, Any]
Entry = list[Any]

CHUNK = 128 * 1024
PAGE = 200
"""Entries told at once, """
ROOM = 200 * 1024
"""and their bytes, unless a single one is longer."""
DEPTH = 24
NAME = 200
PATH = 1000
READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Area:
    """The folder that `top` is open on, and nothing outside it."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._told: list[Entry] = []

    def unlock(self) -> None:
        """Give back the rights to the folder itself, which a run may have taken from all later."""
        with contextlib.suppress(PermissionError):
            os.fchmod(self._top, stat.S_IMODE(os.fstat(self._top).st_mode) | 0o700)

    def count(self) -> int:
        """Files, folders and links on the same file system."""
        space = os.fstatvfs(self._top)
        return space.f_files - space.f_ffree

    def answer(self, request: Message) -> Message:
        """Do what the host asks of files. An error is a sentence, never an exception."""
        number, value, error = request["file"], None, None
        try:
            value = getattr(self, f"do_{request['do']}")(request)
        except OSError as failed:
            error = f"{failed.strerror or failed}"
        except ValueError as failed:
            error = str(failed)
        return {"filed": number, "value": value, "error": error}

    def do_survey(self, request: Message) -> list[Entry]:
        """Tell a page of entries: path, kind, executable, size, sha256 or link target or reason."""
        start = request["start"]
        if start == 0:
            self._told = []
            self._walk(self._top, "", 0)
        page: list[Entry] = []
        room = ROOM
        for entry in self._told[start : start + PAGE]:
            room -= len(json.dumps(entry))
            if page and room < 0:
                break
            page.append(entry)
        return page

    def do_get(self, request: Message) -> str:
        """A part of a file, as base64."""
        folder, name = self._folder(request["path"], make=False)
        try:
            fd = os.open(name, READ_ONLY, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(fd, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ValueError("not a file")
            file.seek(request["offset"])
            return base64.b64encode(file.read(CHUNK) or b"").decode()

    def do_put(self, request: Message) -> None:
        """Write a file, or a further part of it; what stood there before is replaced."""
        folder, name = self._folder(request["path"], make=True)
        more, mode = request["more"], 0o755 if request["executable"] else 0o644
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            if not more:
                self._drop(folder, name)
            flags |= os.O_APPEND if more else os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
                file.write(base64.b64decode(request["data"]))
            os.chmod(name, mode, dir_fd=folder)
        finally:
            os.close(folder)

    def do_link(self, request: Message) -> None:
        """Make a symbolic link as there was one before."""
        folder, name = self._folder(request["path"], make=True)
        try:
            self._drop(folder, name)
            os.symlink(request["target"], name, dir_fd=folder)
        finally:
            os.close(folder)

    def do_folder(self, request: Message) -> None:
        """Make a folder."""
        os.close(self._folder(f"{request['path']}/.", make=True)[0])

    def do_drop(self, request: Message) -> None:
        """Delete a file, a link or a folder with all in it."""
        folder, name = self._folder(request["path"], make=False)
        try:
            self._drop(folder, name)
        finally:
            os.close(folder)

    def do_clear(self, request: Message) -> None:
        """Delete all that can be deleted."""
        for name in os.listdir(self._top):
            self._drop(self._top, name)

    def _walk(self, folder: int, prefix: str, depth: int) -> None:
        for name in sorted(os.listdir(folder)):
            path = prefix + name
            try:
                shown = path.encode().decode()
                if len(name) > NAME or not name.isprintable() or "\\" in name:
                    raise ValueError
            except ValueError:
                self._told.append([ascii(path)[:NAME], "other", False, 0, "its name is odd"])
                continue
            if len(path) > PATH:
                self._told.append([path[:NAME], "other", False, 0, "its path is too long"])
                continue
            try:
                self._entry(folder, name, shown, depth)
            except OSError as error:
                self._told.append([shown, "other", False, 0, f"{error.strerror}"])

    def _entry(self, folder: int, name: str, path: str, depth: int) -> None:
        state = os.lstat(name, dir_fd=folder)
        if stat.S_ISLNK(state.st_mode):
            target = os.readlink(name, dir_fd=folder)
            text = target if target.isprintable() and len(target) <= 1000 else ""
            kind = "link" if text else "other"
            self._told.append([path, kind, False, 0, text or "it is a link to an odd name"])
        elif stat.S_ISDIR(state.st_mode):
            if depth >= DEPTH:
                self._told.append([path, "other", False, 0, f"it lies {DEPTH} folders deep"])
                return
            fd = os.open(name, READ_ONLY | os.O_DIRECTORY, dir_fd=folder)
            try:
                self._told.append([path, "folder", False, 0, ""])
                self._walk(fd, f"{path}/", depth + 1)
            finally:
                os.close(fd)
        elif stat.S_ISREG(state.st_mode):
            fd = os.open(name, READ_ONLY, dir_fd=folder)
            with os.fdopen(fd, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            runs = bool(state.st_mode & 0o100)
            self._told.append([path, "file", runs, state.st_size, digest])
        else:
            self._told.append([path, "other", False, 0, "it is neither a file nor a folder"])

    def _folder(self, path: str, *, make: bool) -> tuple[int, str]:
        """An open folder and the last name of a path below the top; no link on the way."""
        *above, name = path.split("/")
        if path.startswith("/") or "\0" in path or ".." in (*above, name) or not name:
            raise ValueError("the path leaves the work area")
        folder = os.dup(self._top)
        for part in above:
            try:
                below = self._below(folder, part, make)
            finally:
                os.close(folder)
            folder = below
        return folder, name

    def _below(self, folder: int, part: str, make: bool) -> int:
        try:
            if make:
                os.mkdir(part, 0o755, dir_fd=folder)
        except FileExistsError:
            pass
        try:
            return os.open(part, READ_ONLY | os.O_DIRECTORY, dir_fd=folder)
        except NotADirectoryError as error:
            raise ValueError(f"{part} on the way is not a folder") from error

    def _drop(self, folder: int, name: str) -> None:
        """Delete an entry, however deep what is below it: its folders are first brought up."""
        pending = [(folder, name)]
        brought = 0
        while pending:
            where, entry = pending.pop()
            try:
                if not stat.S_ISDIR(os.lstat(entry, dir_fd=where).st_mode):
                    os.unlink(entry, dir_fd=where)
                    continue
            except FileNotFoundError:
                continue
            # A folder of a run's may forbid its own reading.
            os.chmod(entry, 0o700, dir_fd=where)
            fd = os.open(entry, READ_ONLY | os.O_DIRECTORY, dir_fd=where)
            try:
                for inner in os.listdir(fd):
                    if stat.S_ISDIR(os.lstat(inner, dir_fd=fd).st_mode):
                        # Moving a folder asks for the right to write it.
                        os.chmod(inner, 0o700, dir_fd=fd)
                        brought += 1
                        up = f".journeyman-{brought}-{os.getpid()}"
                        os.rename(inner, up, src_dir_fd=fd, dst_dir_fd=self._top)
                        pending.append((self._top, up))
                    else:
                        os.unlink(inner, dir_fd=fd)
            finally:
                os.close(fd)
            os.rmdir(entry, dir_fd=where)
