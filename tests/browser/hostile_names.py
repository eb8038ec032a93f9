"""Names and texts that do harm where anything takes them for more than text."""

from __future__ import annotations

#: File names, and at the same time words in texts, titles and tags.
HOSTILE = (
    "<img src=x onerror=document.title='owned'>.md",
    "<script>document.title='owned'<" + chr(0x2215) + "script>.md",
    "javascript:document.title='owned'.md",
    "'\"><svg onload=document.title='owned'>.md",
    "\u202egpj.exe\u2066.md",
    "..%2f..%2fetc%2fpasswd.md",
    "{{constructor.constructor('alert(1)')()}}.md",
    "#sign-in=x?q=&in=,.md",
    "a" * 240 + ".md",
    "%00%ff \u0300\u0301.md",
    "<iframe srcdoc=owned>.md",
    "<a href=javascript:alert(1)>x.md",
    "<style>body{display:none}.md",
    "<base href=" + chr(0x2215) * 2 + "evil.example>.md",
    "<form><button formaction=javascript:alert(1)>.md",
    "<meta http-equiv=refresh content=0>.md",
    "<svg><use href=data:x>.md",
    "<math><mi xlink:href=javascript:alert(1)>.md",
    "${alert(1)}`${7*7}`.md",
    "__proto__.md",
    "constructor[prototype].md",
    "&lt;b&gt;&#60;i&#62;.md",
    "[click](javascript:alert(1)).md",
    "=cmd|' " + chr(0x2215) + "C calc'!A0.md",
    "-->]]><!--.md",
    "\u200b\u200d\ufeffinvisible.md",
    "Z\u0351\u036b\u0343\u032d\u0316\u0323" * 12 + ".md",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 10 + ".md",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 (1) \u05e2\u05d1.md",
    "null undefined NaN true.md",
)
