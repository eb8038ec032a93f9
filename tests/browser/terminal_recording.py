"""Records what the commands print, as a picture that plays: `docs/images/terminal.svg`.

`python -m tests.browser.terminal_recording` runs the real commands on sample files. Lines appear when
they were printed, after shortened pauses. Readers who prefer no motion see all of them at once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import calypso_mcp

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "terminal.svg"
_SAMPLES = Path(calypso_mcp.__file__).parent / "cli" / "samples"
#: Each command, and how many lines of what it prints are shown.
_COMMANDS = {
    "calypso-mcp upload handbook --bucket handbook --create-bucket --wait": 14,
    'calypso-mcp search "Who may refund 300 euros?" --max-results 2': 16,
    'calypso-mcp ask "Who may refund 300 euros?"': 8,
}
#: Seconds: the longest pause between two lines, and how long a command is read before it runs.
_LONGEST_PAUSE_S, _TYPED_S = 1.2, 1.0
#: Pixels.
_LINE, _CHARACTER, _EDGE = 19, 8.45, 18
_COLUMNS = 84


@dataclass(frozen=True, slots=True)
class Line:
    """A line and the second at which it appears."""

    at_s: float
    text: str
    is_command: bool = False


def main() -> None:
    """Record, and write the picture."""
    PICTURE.write_text(picture(list(recorded())), encoding="utf-8")


def recorded() -> Iterator[Line]:
    """Run the commands in a folder of their own, and yield what they print."""
    clock_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(_SAMPLES, Path(folder) / "handbook")
        for command, most in _COMMANDS.items():
            clock_s += _TYPED_S
            yield Line(clock_s, f"$ {command}", is_command=True)
            clock_s += _TYPED_S
            for pause_s, text in _printed(command, most, Path(folder)):
                clock_s += min(pause_s, _LONGEST_PAUSE_S)
                yield Line(clock_s, text)


def _printed(command: str, most: int, folder: Path) -> Iterator[tuple[float, str]]:
    program = f"'{sys.executable}' -m calypso_mcp{command.removeprefix('calypso-mcp')} --data-dir data"
    with subprocess.Popen(
        program, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        before = time.monotonic()
        for number, text in enumerate(process.stdout):
            now = time.monotonic()
            if number < most:
                yield now - before, text.rstrip()
            before = now
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")


def picture(lines: list[Line]) -> str:
    """Return an SVG in which each line appears at its time."""
    width = round(_COLUMNS * _CHARACTER + 2 * _EDGE)
    height = len(lines) * _LINE + 2 * _EDGE
    drawn = "\n".join(
        f'<text x="{_EDGE}" y="{_EDGE + 14 + number * _LINE}" class="{"c" if line.is_command else "o"}" '
        f'style="animation-delay:{line.at_s:.2f}s">{escape(line.text)}</text>'
        for number, line in enumerate(lines)
        if line.text
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<title>A terminal: files are uploaded, searched and asked about</title>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre; }}
.o {{ fill: #c9d6d2; }} .c {{ fill: #6fd3c5; font-weight: 600; }}
@media (prefers-reduced-motion: no-preference) {{
  text {{ opacity: 0; animation: appear 1ms linear forwards; }}
  @keyframes appear {{ to {{ opacity: 1; }} }}
}}
</style>
<rect width="100%" height="100%" rx="10" fill="#0e1513"/>
{drawn}
</svg>
"""


if __name__ == "__main__":
    main()
