"""An upload as the caller declares it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from calypso_mcp.client.transport.sources import ByteSource, SourceFactory, open_file
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.domain.uploads.upload_rules import split_name


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to upload.

    Attributes:
        source: Its bytes, or a way to open them: with many files, only those in flight are open then.
        declaration: What is declared about it.
        origin: The absolute path of the file, to recognise a changed one. None for inline content.
        keeps_name: Whether a file that this client sent to the same bucket before keeps its name there, such
            as that in another folder. Only with `if_exists`, which needs a list of the sources.
        supersedes: Whether it is sent although its content was sent before, because other content came after
            it. `Versions` finds that out.
    """

    source: ByteSource | SourceFactory
    declaration: Declaration
    origin: str | None = None
    keeps_name: bool = False
    supersedes: bool = False

    @property
    def origins(self) -> tuple[str, ...]:
        """Its path, else its name; a new version is recognised by the first of these.

        A file with a path is remembered by its name as well, for a version that comes without a path; unless
        the backend itself knows which versions it has.
        """
        lies_at = () if self.origin is None else (self.origin,)
        named = (self.declaration.named_origin,) if self.declaration.if_exists is None else ()
        return lies_at + named

    @classmethod
    def of_file(cls, path: str | Path, declaration: Declaration) -> Upload:
        """Return the upload of a file on disk, which is open only while its bytes are read.

        A declaration without a name gets the file's own.
        """
        location = Path(path).absolute()
        declared = replace(declaration, filename=declaration.filename or location.name)
        return cls(partial(open_file, location), declared, str(location))

    def called(self, name: str) -> Upload:
        """Return the upload as a version of the source called `name`, if that has its file name."""
        path, filename = split_name(name)
        # A file directly in the folder that was sent has its path, too, but is stored without one.
        is_other = normalize("NFC", filename) != normalize("NFC", self.declaration.filename)
        if is_other or name == self.declaration.name:
            return self
        return replace(self, declaration=replace(self.declaration, path=path))

    def to(self, destination: Destination) -> Upload:
        """Return the same upload with other buckets as its destination."""
        return replace(self, declaration=replace(self.declaration, destination=destination))
