"""The rules of tables and forms, which tesseract takes for letters: it loses most of a ruled table."""

from __future__ import annotations

import re

#: Shortest rule: 15 mm at 200 dpi, longer than the strokes of letters below 60 points.
_RULE = re.compile(rb"[\x00-\xbf]{120,}")
#: How far above and below a rule it is light, and the share that is: what is thicker is a dark area, and
#: letters hang from the line that joins those of a Hindi or Bengali word (.4 to .8; rules of tables .86).
_REACH, _LIGHT_SHARE = 12, 0.82
_IS_LIGHT = bytes(0xC0) + b"\x01" * 0x40


def without_rules(pixels: bytes, width: int) -> bytes:
    """Return the pixels of a grey picture, row by row, with thin lines across and down in white."""
    height = len(pixels) // width
    across = _whiten(pixels, width)
    down = _turn(_whiten(_turn(pixels, width), height), height)
    return (int.from_bytes(across) | int.from_bytes(down)).to_bytes(len(pixels))


def _whiten(pixels: bytes, width: int) -> bytes:
    rows = [pixels[start : start + width] for start in range(0, len(pixels), width)]

    def whiten(found: re.Match[bytes]) -> bytes:
        start, stop = found.span()
        beside = (row[start:stop].translate(_IS_LIGHT).count(1) for row in (above, below))
        return b"\xff" * (stop - start) if min(beside) > _LIGHT_SHARE * (stop - start) else found[0]

    whitened: list[bytes] = []
    for number, row in enumerate(rows):
        above, below = rows[max(0, number - _REACH)], rows[min(len(rows) - 1, number + _REACH)]
        whitened.append(_RULE.sub(whiten, row))
    return b"".join(whitened)


def _turn(pixels: bytes, width: int) -> bytes:
    """Return columns as rows."""
    return b"".join(pixels[column::width] for column in range(width))
