"""Pictures that stand for text: those of slides and documents that hold hardly any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from calypso_mcp.domain.files.text_bytes import HEAD_BYTES
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.members import MOST_MEMBERS, Member, read_member
from calypso_mcp.local.indexing.formats.office.packages import Package
from calypso_mcp.local.indexing.formats.office.slides import slide_parts
from calypso_mcp.local.indexing.formats.registry import readable_formats

#: Words beside each picture, at most: a title, and the description that the program gave the picture.
_FEW_WORDS = 20
#: Parts that show the whole of a text.
_TEXTS = ("word/document.xml", "content.xml")
_SEEN = "Text in pictures was read by OCR, which may err."
_ONLY_PICTURES = (
    "The file holds pictures only. Save it as PDF and run OCR on it, or install the [ocr] extra"
    " (pip install 'calypso-mcp[ocr]')."
)


def read_pictures(package: Package, blocks: Sequence[Block], file: FileContent) -> Document:
    """Return the text in such pictures, each on its slide.

    Args:
        package: The file.
        blocks: Its text.
        file: The same file, whose allowance says whether a picture is still read.

    Raises:
        ExtractionFailed: `no_text_layer` if there is no other text, and they are not read.
    """
    seen: list[Block] = []
    unread: dict[Part | None, None] = {}
    for number, (part, picture) in enumerate(_standing_for_text(package, blocks)):
        if number < MOST_MEMBERS and file.allowance.recognizes:
            data = package.read_picture(picture, max(0, file.allowance.size_bytes) + 1)
            found = read_member(Member(picture, "", data), "picture", file).blocks
            seen += (replace(block, part=part) for block in found)
        else:
            unread[part] = None
            file.allowance.left_pictures = True
    warnings = (_SEEN,) if seen else ()
    if not unread:
        return Document(tuple(seen), warnings=warnings)
    if not blocks and not seen:
        raise ExtractionFailed("no_text_layer", _ONLY_PICTURES)
    numbers = ", ".join(str(part.number) for part in unread if part is not None)
    where = f"Slide{'s' if len(unread) > 1 else ''} {numbers}" if numbers else "The file"
    left_out = f"{where}: pictures hold the text, so searches do not find it."
    return Document(tuple(seen), warnings=(*warnings, left_out))


def _standing_for_text(package: Package, blocks: Sequence[Block]) -> Iterator[tuple[Part | None, str]]:
    """Yield pictures that OCR can read, each once, and the slides that show them first."""

    @cache
    def is_legible(picture: str) -> bool:
        found = readable_formats().recognize(picture, "", package.read_picture(picture, HEAD_BYTES))
        return found is not None and found.extra == "ocr"

    words: Counter[Part | None] = Counter()
    for block in blocks:
        words[block.part] += len(block.text.split())
    slides = ((Part("slide", number), name) for number, name in enumerate(slide_parts(package), 1))
    texts = ((None, name) for name in _TEXTS if name in package.names)
    done: set[str] = set()
    for part, name in list(slides) or texts:
        pictures = package.pictures(name)
        said = words.total() if part is None else words[part]
        may_stand = said <= _FEW_WORDS * len(pictures)
        legible = list(filter(is_legible, pictures)) if may_stand else []
        if said <= _FEW_WORDS * len(legible):
            yield from ((part, picture) for picture in legible if picture not in done)
            done.update(legible)
