"""The document that is the view in a chat, and the bundler that makes its script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calypso_mcp.page import bundle, chat_view

_PACKAGE = Path(chat_view.__file__).parent


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    return folder / "entry.js"


def test_modules_become_one_script_in_the_order_of_their_need(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        entry='import { a, b as c } from "./one.js";\nimport { two } from "./two.js";\na(c, two);\n',
        one='import { two } from "./two.js";\nexport const a = () => two;\nexport async function b() {}\n',
        two="const hidden = 1;\nexport class two {}\n",
    )
    assert bundle.bundle(entry) == (
        '"use strict";\n'
        "const m0 = (() => {\nconst hidden = 1;\nclass two {}\nreturn { two };\n})();\n"
        "const m1 = (() => {\nconst { two } = m0;\nconst a = () => two;\nasync function b() {}\n"
        "return { a, b };\n})();\n"
        "const m2 = (() => {\nconst { a, b: c } = m1;\nconst { two } = m0;\na(c, two);\nreturn {  };\n})();\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        'import * as one from "./one.js";',
        'import one from "./one.js";',
        'import "./one.js";',
        'import { a } from "elsewhere";',
        'export { a } from "./one.js";',
        "export default 1;",
    ],
)
def test_what_the_bundler_does_not_read_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="cannot bundle"):
        bundle.bundle(write(tmp_path, entry=f"{line}\n", one="export const a = 1;\n"))


def test_a_circle_of_modules_is_refused(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        entry='import { a } from "./one.js";\n',
        one='import { b } from "./two.js";\nexport const a = b;\n',
        two='import { a } from "./one.js";\nexport const b = a;\n',
    )
    with pytest.raises(ValueError, match=r"one\.js imports itself"):
        bundle.bundle(entry)


def test_the_document_is_small_loads_nothing_and_sets_text_only_as_text() -> None:
    html = chat_view.chat_view(["list_buckets"], "http://127.0.0.1:8010/")
    assert len(html.encode()) < 60_000
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:|//)""", html)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\.write\(|\beval\(|\bfetch\(", html)
    assert "style=" not in html
    # Text that a parser of HTML would take for the end of the script or of the style.
    assert html.count("</script") == html.count("</style") == 1
    assert "<!--" not in html


def test_the_view_draws_with_the_modules_of_the_page() -> None:
    shared = [path.name for path in (_PACKAGE / "static" / "shared").glob("*.js")]
    view = "".join(path.read_text(encoding="utf-8") for path in (_PACKAGE / "chat").glob("*.js"))
    used = set(re.findall(r'from "\.\./static/shared/(\w+\.js)"', view))
    assert {"cards.js", "hits.js", "marks.js", "progress.js", "words.js"} <= used <= set(shared)
