"""Which files a backend can read: recognised by their first bytes, with the name as a help.

The backend states its formats as values (`FileFormat`, `UnreadableKind`, in one `ReadableFormats`). The check
before an upload and the reading after it ask the same value, so they cannot disagree. Content decides; the
ending of the name only chooses among formats that content cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from calypso_mcp.domain.files.text_bytes import looks_like_text
from calypso_mcp.errors import ContentError

_SHOWN_NAME_CHARS: Final = 160


class Container(StrEnum):
    """What the bytes of a format have in common with those of other formats."""

    #: Characters in some encoding.
    TEXT = "text"
    #: A ZIP archive of parts (Office Open XML, OpenDocument, EPUB).
    ZIP = "zip"
    #: An OLE compound file (Office before 2007, Outlook).
    OLE = "ole"
    #: Its own signature.
    OWN = "own"


class Locator(StrEnum):
    """What a citation names in a file of this format, besides the headings above a passage."""

    LINE = "line"
    PAGE = "page"
    SLIDE = "slide"
    ROW = "sheet and row"
    MESSAGE = "message"
    CELL = "cell"
    SECTION = "section"


#: How Office names the file in which it notes who has a document open.
_LOCK: Final = "~$"
#: How a web page starts, whatever its name.
_WEB_PAGE: Final = b"<!doctype html"
#: What every file of these containers starts with.
_CONTAINER_SIGNATURES: Final = {
    Container.ZIP: b"PK\x03\x04",
    Container.OLE: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """Bytes at `offset`, or anywhere in the first `within` bytes after it."""

    content: bytes
    offset: int = 0
    within: int = 0

    def is_in(self, head: bytes) -> bool:
        """Whether a file that begins with `head` carries this signature."""
        if not self.within:
            return head.startswith(self.content, self.offset)
        return head.find(self.content, self.offset, self.offset + self.within + len(self.content)) >= 0


@dataclass(frozen=True, slots=True)
class FileFormat:
    """One format that can be read.

    Attributes:
        name: Short and unique, such as "docx".
        label: For people, such as "Word document".
        endings: Of file names, lower case, without the dot; whole names such as "makefile" too.
        content_types: MIME types, lower case, without parameters.
        container: What its bytes are recognised by.
        signatures: One of them stands in the file: for a ZIP, the name of a part or the MIME type; for text,
            the first characters, in lower case. A text without any can still be of this format.
        locator: What a citation names.
        extra: The optional dependency that reads it; empty for those read always.
    """

    name: str
    label: str
    endings: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    container: Container = Container.TEXT
    signatures: tuple[Signature, ...] = ()
    locator: Locator = Locator.SECTION
    extra: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableKind:
    """Files that cannot be read, and what their owner can do about it.

    Attributes:
        label: What it is, completing "This is ...".
        remedy: A sentence.
        endings: As for `FileFormat`.
        signatures: Any of them suffices.
        container: Its files that are of no known format are of this kind.
    """

    label: str
    remedy: str
    endings: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    container: Container | None = None

    def is_in(self, head: bytes) -> bool:
        """Whether a file of no format that begins with `head` is of this kind."""
        own = self.container is not None and head.startswith(_CONTAINER_SIGNATURES[self.container])
        return own or any(signature.is_in(head) for signature in self.signatures)


@dataclass(frozen=True)
class ReadableFormats:
    """Everything one backend reads.

    Attributes:
        formats: In order of preference; the first text format is plain text.
        unreadable: Kinds of files that are known and cannot be read.
        extras: The optional dependencies that are installed.
    """

    formats: tuple[FileFormat, ...]
    unreadable: tuple[UnreadableKind, ...] = ()
    extras: frozenset[str] = frozenset()

    def recognize(self, filename: str, content_type: str, head: bytes) -> FileFormat | None:
        """Return the format of a file; None if none of these fits.

        Args:
            filename: With or without folders.
            content_type: As declared; parameters are ignored, empty where unknown.
            head: Its first `HEAD_BYTES` bytes.
        """
        is_lock = _base_name(filename).startswith(_LOCK)
        if is_lock or any(signature.is_in(head) for signature in self._foreign):
            return None
        stated = tuple(self._stated(filename, content_type))
        for container, signature in _CONTAINER_SIGNATURES.items():
            if head.startswith(signature):
                return self._in_container(container, stated, head)
        own = self._marked(Container.OWN, head)
        if own is not None:
            return own
        return self._as_text(stated, head) if looks_like_text(head) else None

    def refusal(self, filename: str, head: bytes, content_type: str = "") -> ContentError | None:
        """Return why a file that begins with `head` cannot be read and what to do; None if it can."""
        found = self.recognize(filename, content_type, head)
        if found is not None:
            return self._missing_extra(filename, found)
        ending = ending_of(filename, self._by_ending)
        named = self._unreadable_named(ending)
        kind = next((kind for kind in self.unreadable if kind.is_in(head)), named)
        if kind is not None and kind.container and named is not None and named.container:
            kind = named  # many programs save packages, which their names tell apart
        if kind is not None:
            return _refused(filename, f"is {kind.label}", kind.remedy)
        claimed = self._by_ending.get(ending)
        if claimed is not None and claimed.container is not Container.TEXT:
            return _refused(
                filename,
                f"is not {_article(claimed.label)} {claimed.label} file, despite its name",
                "Check the file: it may be damaged.",
            )
        return _refused(
            filename,
            "holds binary data that is neither text nor a document",
            "Convert it to PDF or text, or leave it out.",
        )

    def refusal_of_name(self, filename: str) -> ContentError | None:
        """Return why a file so named will not be readable, whatever it holds; None if it may be."""
        ending = ending_of(filename, self._by_ending)
        kind = self._unreadable_named(ending)
        if kind is not None:
            return _refused(filename, f"is {kind.label}", kind.remedy)
        named = self._by_ending.get(ending)
        return self._missing_extra(filename, named) if named is not None else None

    def is_installed(self, file_format: FileFormat) -> bool:
        """Whether the optional dependency that reads a format is installed."""
        return not file_format.extra or file_format.extra in self.extras

    @cached_property
    def plain_text(self) -> FileFormat:
        """The format of text that is nothing else."""
        return next(self._of(Container.TEXT))

    @cached_property
    def _foreign(self) -> tuple[Signature, ...]:
        return tuple(signature for kind in self.unreadable for signature in kind.signatures)

    @cached_property
    def _by_ending(self) -> dict[str, FileFormat]:
        return {ending: known for known in reversed(self.formats) for ending in known.endings}

    @cached_property
    def _by_type(self) -> dict[str, FileFormat]:
        return {mime: known for known in reversed(self.formats) for mime in known.content_types}

    def _unreadable_named(self, ending: str) -> UnreadableKind | None:
        return next((kind for kind in self.unreadable if ending in kind.endings), None)

    def _of(self, container: Container) -> Iterator[FileFormat]:
        return (known for known in self.formats if known.container is container)

    def _stated(self, filename: str, content_type: str) -> Iterator[FileFormat]:
        """Yield what name and content type claim, the name first: types are often guessed from it."""
        mime = content_type.partition(";")[0].strip().lower()
        # RFC 6838, section 4.2.8: `application/vnd.api+json` is JSON.
        suffix = f"application/{mime.rpartition('+')[2]}" if "+" in mime else ""
        for known in (
            self._by_ending.get(ending_of(filename, self._by_ending)),
            self._by_type.get(mime) or self._by_type.get(suffix),
        ):
            if known is not None:
                yield known

    def _in_container(
        self, container: Container, stated: tuple[FileFormat, ...], head: bytes
    ) -> FileFormat | None:
        # A program's old files may bear the name of its new ones, and a password makes those OLE.
        labels = {known.label for known in stated}
        named = (*stated, *(known for known in self._of(container) if known.label in labels))
        marked = self._marked(container, head)
        return marked or next((known for known in named if known.container is container), None)

    def _marked(self, container: Container, head: bytes) -> FileFormat | None:
        """Return the first format of that container which has a signature in `head`."""
        signed = (known for known in self._of(container) for sign in known.signatures if sign.is_in(head))
        return next(signed, None)

    def _as_text(self, stated: tuple[FileFormat, ...], head: bytes) -> FileFormat:
        plain = self.plain_text
        stated_text = next(
            (known for known in stated if known.container is Container.TEXT and known is not plain), None
        )
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if stated_text is not None and not start.startswith(_WEB_PAGE):
            return stated_text
        if start.startswith(b"<!--"):
            start = start.partition(b"-->")[2].lstrip()
        elif start.startswith((b"{", b"[")):
            start = b"".join(start.split())
        # Programs of the web name tables of text so that Excel opens them.
        is_table = any(known.locator is Locator.ROW for known in stated)
        return self._marked(Container.TEXT, start) or (
            self._by_ending.get("csv", plain) if is_table else plain
        )

    def _missing_extra(self, filename: str, file_format: FileFormat) -> ContentError | None:
        if self.is_installed(file_format):
            return None
        label, extra = file_format.label, file_format.extra
        return _refused(
            filename,
            f"is {_article(label)} {label}",
            f"Install the [{extra}] extra (pip install 'calypso-mcp[{extra}]'), or send its text.",
        )


def ending_of(filename: str, known: dict[str, FileFormat]) -> str:
    """Return the ending of a name in lower case, without the dot; of `makefile` and its like, all of it."""
    name = _base_name(filename).lower()
    stem, dot, ending = name.rpartition(".")
    if dot and stem:
        return ending
    return name.strip(".") if name.strip(".") in known else ""


def _base_name(filename: str) -> str:
    return filename.replace("\\", "/").rpartition("/")[2]


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"


def _refused(filename: str, what: str, remedy: str) -> ContentError:
    return ContentError(f"{filename[:_SHOWN_NAME_CHARS]!r} {what}.", code="unsupported_type", hint=remedy)
