"""Picture files as pixels, within limits."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from calypso_mcp.local.indexing.documents import ExtractionFailed

#: Pixels of one picture; a sheet of A4 at 600 dpi has 35 million.
_MOST_PIXELS = 60_000_000
#: Pictures in one file (TIFF pages, frames of an animation).
_MOST_PICTURES = 500


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels of one picture, row by row from the top; 1 channel is grey, 3 are blue, green, red."""

    width: int
    height: int
    channels: int
    data: bytes

    def as_array(self) -> Any:
        """Return it as a numpy array of rows and columns, which RapidOCR reads."""
        numpy = importlib.import_module("numpy")
        shape = (self.height, self.width, self.channels)[: 2 if self.channels == 1 else 3]
        return numpy.frombuffer(self.data, numpy.uint8).reshape(shape)

    def as_pnm(self) -> bytes:
        """Return a grey picture in Netpbm's format, which every program reads."""
        return b"P5 %d %d 255\n" % (self.width, self.height) + self.data


def open_pictures(data: bytes) -> Iterator[Picture]:
    """Yield the pictures of a file, upright.

    Raises:
        ExtractionFailed: `broken` or `too_large`.
    """
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # checked below
    try:
        with Image.open(BytesIO(data)) as opened:
            for count, frame in enumerate(ImageSequence.Iterator(opened)):
                if count >= _MOST_PICTURES or frame.width * frame.height > _MOST_PIXELS:
                    raise ExtractionFailed(
                        "too_large",
                        f"The picture has more than {_MOST_PIXELS // 1_000_000} million pixels or"
                        f" {_MOST_PICTURES} pages.",
                    )
                upright = ImageOps.exif_transpose(frame).convert("RGBA")
                paper = Image.new("RGBA", upright.size, "white")
                colours = Image.alpha_composite(paper, upright).convert("RGB")
                yield Picture(colours.width, colours.height, 3, colours.tobytes("raw", "BGR"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise ExtractionFailed("broken", "The picture is damaged or has an unsupported format.") from error
