"""Small files of every kind people keep, each with a sentence in it, a question for it, and where it stands.

Every question has words of its own, so that only the right file can answer it.
"""

# ruff: noqa: E501  the content of a file stays on the lines it has there
# ruff: noqa: RUF001  and in the letters of its language

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from io import BytesIO
from quopri import encodestring
from zipfile import ZIP_STORED, ZipFile


@dataclass(frozen=True, slots=True)
class Sought:
    """A file and what a search must find in it.

    Attributes:
        name: Of the file; its content type follows from it.
        data: Its bytes.
        query: A question, answered by this file alone.
        text: Stands in the passage that answers.
        place: What the hit must name as its place, by kind: first line, section, sheet, slide, message or cell.
        never: Stands in no passage: markup, escapes, encoded bytes.
    """

    name: str
    data: bytes
    query: str
    text: str
    place: Mapping[str, object] = field(default_factory=dict[str, object])
    never: str = ""


def sought_files() -> Iterator[Sought]:
    """Yield every file."""
    yield from _encoded()
    yield from _delimited()
    yield from _structured()
    yield from _markup()
    yield from _mail()
    yield from _plain()
    yield from _of_other_hands()
    yield from _books()


def _encoded() -> Iterator[Sought]:
    """Text without any word on how it is encoded."""
    samples = (
        ("thai.txt", "tis-620", "วันลาพักร้อนประจำปีคือสิบห้าวัน ต้องแจ้งล่วงหน้าหนึ่งเดือน", "พักร้อน", "สิบห้าวัน"),
        ("greek.txt", "cp1253", "Η ετήσια άδεια είναι είκοσι ημέρες.", "ετήσια άδεια", "είκοσι"),
        ("hebrew.txt", "cp1255", "החופשה השנתית היא חמישה עשר ימים.", "החופשה השנתית", "חמישה"),
        (
            "arabic.txt",
            "cp1256",
            "الإجازة السنوية خمسة عشر يوما قبل انتهاء العقد.",
            "الإجازة السنوية",
            "خمسة",
        ),
        ("japanese.txt", "shift_jis", "年次有給休暇は十五日です。試用期間を除く。", "有給休暇", "十五日"),
        ("japanese-mail.txt", "iso-2022-jp", "倉庫の鍵は守衛室で受け取ります。", "倉庫の鍵", "守衛室"),
        ("korean.txt", "euc-kr", "연차 휴가는 십오 일입니다. 수습 직원은 제외됩니다.", "연차 휴가", "십오"),
        ("taiwan.txt", "big5", "倉庫鑰匙由警衛室保管，週末除外。", "倉庫鑰匙", "警衛室"),
        (
            "polish.txt",
            "cp1250",
            "Opłata za magazyn wynosi dziewięć złotych za każdą paletę.",
            "opłata magazyn",
            "dziewięć",
        ),
        (
            "turkish.log",
            "cp1254",
            "Şoförün yıllık izni on dört gündür, işten ayrılış bildirimi sekiz haftadır.",
            "şoförün yıllık izni",
            "sekiz",
        ),
        (
            "ukrainian.txt",
            "koi8-u",
            "Щорічна відпустка становить двадцять чотири дні, якщо є їхня згода.",
            "щорічна відпустка",
            "двадцять чотири",
        ),
        (
            "old-mac.txt",
            "mac-roman",
            "Où est garée la péniche ? Elle est amarrée à côté de l’écluse, près du château.",
            "péniche amarrée",
            "écluse",
        ),
        (
            "old-dos.txt",
            "cp850",
            "Die Schlüssel für die Büros hängen über der Tür, die Prüfung läuft jährlich.",
            "Schlüssel Büros",
            "über der Tür",
        ),
        ("wide.txt", "utf-16", "The ferry leaves pontoon nine at dawn.", "ferry pontoon", "at dawn"),
        ("wider.txt", "utf-32", "The barge leaves jetty seven at dusk.", "barge jetty", "at dusk"),
        ("marked.txt", "utf-8-sig", "The tram leaves platform six at noon.", "tram platform", "at noon"),
    )
    for name, encoding, text, query, found in samples:
        yield Sought(name, f"{text}\n".encode(encoding), query, found, {"line_start": 1}, "\ufffd")


def _delimited() -> Iterator[Sought]:
    excel = "Ort;Betrag;Größe\r\nMünchen;12,50 €;groß\r\nKöln;7,10 €;mäßig\r\n"
    yield Sought(
        "excel-german.csv", excel.encode("cp1252"), "Ort München Betrag", "Betrag: 12,50 €", {"line_start": 2}
    )
    rows = "sku\tcrate\tweight\nQ-17\tlarch\t41\nQ-18\tbeech\t44\n"
    yield Sought(
        "unicode-text.csv", rows.encode("utf-16"), "crate beech weight", "weight: 44", {"line_start": 3}
    )
    yield Sought(
        "tabs.tsv", b"mooring\tfee\nquay Alder\t312\n", "mooring Alder fee", "fee: 312", {"line_start": 2}
    )
    quoted = 'code,remark\n71,"Ring the bell,\nthen ""wait"" for the warden."\n72,none\n'
    yield Sought(
        "quoted.csv", quoted.encode(), "ring bell warden", 'then "wait" for the warden', {"line_start": 2}
    )
    yield Sought(
        "pipes.psv", b"depot|keeper\nHarbour|Ines Falk\n", "harbour depot keeper", "keeper: Ines Falk"
    )
    yield Sought(
        "sep.csv", b"sep=;\r\ntoll;zone\r\n18;Kestrel\r\n", "kestrel toll zone", "toll: 18 | zone: Kestrel"
    )
    yield Sought("headless.csv", b"1,osprey,3.5\n2,merlin,4.5\n", "merlin", "2 | merlin | 4.5")


def _structured() -> Iterator[Sought]:
    yield Sought(
        "escapes.json",
        json.dumps({"Straße": {"hinweis": "Der Zähler läuft rückwärts."}}).encode(),
        "Zähler rückwärts",
        "hinweis: Der Zähler",
        never="\\u00",
    )
    yield Sought(
        "wide.json", '{"buoy": {"colour": "vermilion"}}'.encode("utf-16-le"), "buoy colour", "vermilion"
    )
    yield Sought(
        "commented.jsonc.json",
        b'[{"valve": "V-9", "torque": "33 Nm"}, {"valve": "V-10", "torque": "35 Nm"}]',
        "valve V-10 torque",
        "35 Nm",
    )
    yield Sought(
        "events.jsonl",
        b'{"lock": "Tarn", "level": 4}\n{"lock": "Beck", "level": 6}\n',
        "lock beck level",
        "level: 6",
    )
    yield Sought(
        "folded.yaml",
        b"sluice:\n  note: >\n    Open the sluice\n    by hand only.\n  code: 0o17\n",
        "open sluice hand",
        "Open the sluice by hand only",
    )
    yield Sought(
        "several.yml",
        b"---\nkind: Crane\nreach: 40 m\n---\nkind: Winch\nreach: 12 m\n",
        "winch reach",
        "12 m",
    )
    yield Sought(
        "kiln.toml",
        b'[kiln."north wall"]\nfiring = 1979-05-27\nglaze = """\nAsh glaze,\ntwice."""\n',
        "kiln glaze",
        "Ash glaze",
    )
    yield Sought(
        "app.properties",
        b"# Greeting\ngruss=Sch\\u00f6ne Gr\\u00fc\\u00dfe aus Lindau\n",
        "Grüße Lindau",
        "Schöne Grüße aus Lindau",
        {"line_start": 1},
        "\\u00",
    )
    yield Sought(
        "old.properties", "remise=Le canal gelé est fermé\n".encode("latin-1"), "canal gelé", "fermé"
    )
    yield Sought(
        "service.ini",
        b"[berth]\n; the keeper decides\nlimit = 14 knots\n",
        "berth limit knots",
        "14 knots",
        {"line_start": 1},
    )
    yield Sought(
        "legacy.xml",
        "<?xml version='1.0' encoding='ISO-8859-2'?><zasady><palety>Żółte palety są zwrotne.</palety></zasady>".encode(
            "iso-8859-2"
        ),
        "żółte palety",
        "zwrotne",
        {},
        "<palety",
    )
    yield Sought(
        "wide.xml",
        "<?xml version='1.0' encoding='UTF-16'?><a><b>The gantry holds &#189; tonne.</b></a>".encode(
            "utf-16"
        ),
        "gantry tonne",
        "½ tonne",
    )
    yield Sought(
        "cdata.xml",
        b"<faq><a><![CDATA[<p>Grease the <b>capstan</b> weekly.</p>]]></a></faq>",
        "grease capstan",
        "capstan",
        {},
        "<![CDATA",
    )
    yield Sought(
        "prefixed.xml",
        b'<x:inv xmlns:x="urn:x"><x:line unit="EUR" sum="55">Trestle hire</x:line></x:inv>',
        "trestle hire sum",
        "55",
    )
    yield Sought(
        "feed.atom",
        b"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'><title>Tide</title><entry><title>Neap</title><content type='html'>&lt;p&gt;Neap tide &amp;amp; fog.&lt;/p&gt;</content></entry></feed>",
        "neap tide fog",
        "Neap tide & fog",
        {},
        "&lt;",
    )
    book = {
        "nbformat": 4,
        "cells": [
            {"cell_type": "markdown", "source": "# Study"},
            {
                "cell_type": "code",
                "source": ["spill = 3\n"],
                "outputs": [
                    {
                        "output_type": "execute_result",
                        "data": {"text/plain": ["'spillway drains'"], "image/png": "iVBORw0KGgo"},
                    }
                ],
            },
        ],
    }
    yield Sought(
        "study.ipynb", json.dumps(book).encode(), "spillway drains", "spillway drains", {"cell": 2}, "iVBOR"
    )


def _markup() -> Iterator[Sought]:
    meta = "<html><head><meta charset='shift_jis'><title>規則</title></head><body><h1>規則</h1><p>駐車場は夜間閉鎖です。</p></body></html>"
    yield Sought("declared.html", meta.encode("shift_jis"), "駐車場", "夜間閉鎖", {"section": "規則"})
    old = '<HTML><HEAD><META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=windows-1251"></HEAD><BODY><P>Склад закрыт &mdash; ремонт крыши.</BODY></HTML>'
    yield Sought("old.htm", old.encode("cp1251"), "склад ремонт крыши", "закрыт — ремонт")
    xhtml = "<?xml version='1.0' encoding='ISO-8859-1'?><!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><style/></head><body><h2>Pêche</h2><p>La pêche à la truite est libre<br/>le lundi.</p></body></html>"
    yield Sought(
        "legacy.xhtml", xhtml.encode("latin-1"), "pêche truite", "truite est libre", {"section": "Pêche"}
    )
    table = (
        "<table><thead><tr><th>Pier</th><th>Depth</th></tr></thead><tbody>"
        + "".join(f"<tr><td>Pier{number}</td><td>{number * 3} fathoms</td></tr>" for number in range(150))
        + "</tbody></table>"
    )
    yield Sought(
        "table.html",
        f"<h1>Piers</h1>{table}".encode(),
        "Pier149 depth",
        "447 fathoms",
        {"section": "Piers"},
        "<td>",
    )
    yield Sought(
        "lists.html",
        b"<h1>Steps</h1><ol><li>Unhook the <b>painter</b><ul><li>coil it clockwise</ul><li>Row</ol><dl><dt>Thole</dt><dd>Pin for an oar.</dd></dl>",
        "thole pin oar",
        "Pin for an oar",
    )
    yield Sought(
        "noise.html",
        b"<html><body><script>var trap='skerry'</script><style>.skerry{}</style><!-- skerry --><p>The <em>skerry</em> light is&nbsp;white.</p></body></html>",
        "skerry light",
        "skerry light is white",
        {},
        "var trap",
    )
    yield Sought(
        "guide.rst", b"Dredging\n========\n\nDredge the basin in ``March`` only.\n", "dredge basin", "March"
    )
    yield Sought(
        "guide.adoc",
        b"= Beacons\n\n== Lamp\n\nTrim the beacon lamp nightly.\n",
        "trim beacon lamp",
        "nightly",
    )
    yield Sought(
        "paper.tex",
        b"\\section{Drift}\nThe \\emph{leeway} drift is \\textbf{nine} degrees.\n",
        "leeway drift degrees",
        "nine",
    )
    yield Sought("notes.org", b"* NEXT Caulk the dinghy\n  Use oakum.\n", "caulk dinghy", "oakum")
    yield Sought(
        "setext.md",
        b"Moorings\n========\n\nPayments\n--------\n\nPay the wharfinger in coin.\n",
        "pay wharfinger coin",
        "in coin",
        {"section": "Moorings > Payments"},
    )
    yield Sought(
        "latin.md",
        "# Règlement\n\nLe bac s’arrête à la marée basse.\n".encode("cp1252"),
        "bac marée basse",
        "s’arrête",
        {"section": "Règlement"},
    )


def _letter(subject: str, **headers: str) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = subject, "Åse Ek <ase@example.com>", "b@example.com"
    for name, value in headers.items():
        letter[name] = value
    return letter


def _mail() -> Iterator[Sought]:
    quoted = (
        b"Subject: =?ISO-8859-1?Q?Gr=FC=DFe?=\nContent-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable\n\n"
        + encodestring("Die Fähre kostet 9 € für Räder.\n".encode("iso-8859-15"))
    )
    yield Sought("quoted.eml", quoted, "Fähre Räder", "9 € für Räder", {"section": "Grüße"}, "=E4")
    html = _letter("Ice")
    html.set_content("<p>The <b>icebreaker</b> sails&nbsp;at four.</p>", subtype="html")
    html.make_mixed()
    yield Sought(
        "html-only.eml", html.as_bytes(), "icebreaker sails", "sails at four", {"section": "Ice"}, "<b>"
    )
    both = _letter("Both")
    both.set_content("The lightship anchors at Sable.\n")
    both.add_alternative("<p>The lightship anchors at Sable.</p>", subtype="html")
    both.add_attachment("cleat,price\nbronze,88\n", subtype="csv", filename="cleats.csv")
    yield Sought("attached.eml", both.as_bytes(), "cleat bronze price", "price: 88")
    either = _letter("Either")
    either.set_content("The buoy tender anchors at Gannet.\n")
    either.add_alternative("<p>The buoy tender anchors at Gannet.</p>", subtype="html")
    yield Sought(
        "alternative.eml", either.as_bytes(), "tender Gannet", "anchors at Gannet", {"section": "Either"}
    )
    outer = _letter("Outer")
    outer.set_content("See below.\n")
    inner = _letter("Inner quarrel")
    inner.set_content("The tugmaster wants hazard pay.\n")
    outer.add_attachment(inner)
    yield Sought("forwarded.eml", outer.as_bytes(), "tugmaster hazard pay", "wants hazard pay")
    russian = (
        b"Subject: x\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n"
        + "Буксир прибудет в четверг.\n".encode("koi8-r")
    )
    yield Sought("eight-bit.eml", russian, "буксир прибудет", "в четверг")
    box = "From a@b Mon Jan  1 00:00:00 2024\nSubject: First\n\nBallast is sand.\n\nFrom c@d Tue Jan  2 00:00:00 2024\nSubject: Second\n\nThe keelson is oak.\n"
    yield Sought("letters.mbox", box.encode(), "keelson oak", "keelson is oak", {"message": 2})
    archive = (
        b'MIME-Version: 1.0\nContent-Type: multipart/related; type="text/html"; boundary="x"\nSubject: Saved page\n\n--x\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<html><body><h1>Slip</h1><p>The slipway angle=20is nine degr=C3=A9s.</p></body></html>\n--x\nContent-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Location: a.png\n\n'
        + b64encode(bytes(900))
        + b"\n--x--\n"
    )
    yield Sought("page.mhtml", archive, "slipway angle", "nine degrés", {}, "AAAAAAAA")

    yield from _mixed_mail()


def _mixed_mail() -> Iterator[Sought]:
    """Letters whose sentences stand beside the first text, or whose programs do as no standard says."""
    two = _letter("Two texts")
    two.set_content("The bilge pump leaks.\n")
    two.add_attachment(b"GIF89a", "image", "gif", disposition="inline", cid="<a>")
    two.add_attachment("The windlass was greased.\n", disposition="inline")
    yield Sought("two-texts.eml", two.as_bytes(), "windlass greased", "was greased", {"section": "Two texts"})
    listed = _letter("Listed")
    listed.set_content("<p>The jibstay snapped at noon.</p>", subtype="html")
    listed.make_mixed()
    listed.attach(_footer())
    yield Sought("list-footer.eml", listed.as_bytes(), "jibstay snapped", "snapped at noon", {}, "<p>")
    invited = _letter("Invited")
    invited.set_content("An invitation.\n")
    event = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Careening of the Petunia\nEND:VEVENT\nEND:VCALENDAR\n"
    invited.add_alternative(event, subtype="calendar")
    yield Sought("invited.eml", invited.as_bytes(), "careening Petunia", "Careening of the Petunia")
    empty = _letter("Empty")
    empty.set_content("\n")
    empty.add_alternative("<p>The capstan creaks.</p>", subtype="html")
    yield Sought(
        "empty-plain.eml", empty.as_bytes(), "capstan creaks", "capstan creaks", {"section": "Empty"}
    )
    chinese = b64encode("仓库由朱镕基保管".encode("gbk"))
    named = b"Subject: =?gb2312?B?" + chinese + b"?=\nFrom: a@example.com\n\nSee above.\n"
    yield Sought("gbk-subject.eml", named, "朱镕基保管", "朱镕基保管")
    raw = "Subject: Führe über Münster\nContent-Type: text/plain; charset=iso-8859-1\n\nDer Kahn.\n"
    yield Sought("raw-subject.eml", raw.encode("latin-1"), "Führe Münster", "Führe über Münster")
    inner = b64encode(b"Subject: Inner\n\nThe dredger Hesper is sold.\n")
    encoded = (
        b"Subject: Encoded\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nOuter.\n"
        b"--x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + inner + b"\n--x--\n"
    )
    yield Sought("encoded.eml", encoded, "dredger Hesper", "Hesper is sold")
    lie = "Subject: Lie\nContent-Type: text/plain; charset=us-ascii\n\nDie Schleuse Höxter öffnet um fünf.\n"
    yield Sought("lie.eml", lie.encode("utf-8-sig"), "Schleuse Höxter", "öffnet um fünf", {"section": "Lie"})


def _footer() -> EmailMessage:
    footer = EmailMessage()
    footer.set_content("You receive this as a member of the list.\n")
    return footer


def _of_other_hands() -> Iterator[Sought]:
    """Files as some programs and people write them, beside the usual way."""
    yield Sought(
        "titled.csv",
        b"Berths of the year\n\nberth,keeper\nQuay-nine,Ysolde\nQuay-ten,Zeb\n",
        "berth Quay-nine keeper",
        "keeper: Ysolde",
        {"line_start": 4},
    )
    yield Sought(
        "twice.json", b'{"cook": "Balthasar Quist", "cook": "Nils"}', "cook Balthasar", "Balthasar Quist"
    )
    yield Sought(
        "continued.properties",
        b"galley.menu=pickled \\\n    samphire soup\n",
        "pickled samphire",
        "pickled samphire soup",
    )
    shown = {"output_type": "display_data", "data": {"text/html": ["<b>Sounding</b>: <i>eleven fathoms</i>"]}}
    notebook = {"cells": [{"cell_type": "code", "source": "show()", "outputs": [shown]}], "nbformat": 4}
    yield Sought(
        "shown.ipynb", json.dumps(notebook).encode(), "sounding fathoms", "eleven fathoms", {"cell": 1}, "<b>"
    )
    page = '<?xml version="1.0" encoding="ISO-8859-2"?><html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Łodzie</h1><p>Żaglówka kosztuje dużo.</p></body></html>'
    target = BytesIO()
    with ZipFile(target, "w", ZIP_STORED) as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        )
        book.writestr(
            "c.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" version="2.0"><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>',
        )
        book.writestr("a.xhtml", page.encode("iso-8859-2"))
    yield Sought(
        "latin-two.epub", target.getvalue(), "żaglówka kosztuje", "kosztuje dużo", {"section": "Łodzie"}
    )


def _plain() -> Iterator[Sought]:
    yield Sought(
        "film.srt",
        "1\r\n00:00:01,000 --> 00:00:04,000\r\n<i>Niemand läutet</i>\r\ndie Nebelglocke.\r\n".encode(
            "cp1252"
        ),
        "Nebelglocke läutet",
        "die Nebelglocke",
        {},
        "-->",
    )
    yield Sought(
        "talk.vtt",
        b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ada>Hoist the spinnaker.\n",
        "hoist spinnaker",
        "spinnaker",
        {},
        "<v",
    )
    yield Sought(
        "dates.ics",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260301T090000Z\nSUMMARY:Regatta\\, heats\nDESCRIPTION:Meet at the boat\n house door.\nEND:VEVENT\nEND:VCALENDAR\n",
        "regatta heats",
        "Regatta, heats",
    )
    yield Sought(
        "people.vcf",
        "BEGIN:VCARD\nVERSION:3.0\nFN:Jörg Pilot\nTITLE:Lotse\nTEL:+49 40 999\nEND:VCARD\n".encode(),
        "Jörg Pilot",
        "+49 40 999",
    )
    yield Sought(
        "server.log",
        b"2026-01-01T00:00:00Z INFO up\n2026-01-01T00:00:01Z ERROR bilge pump stalled code=E77\n",
        "bilge pump stalled",
        "E77",
        {"line_start": 1},
    )
    yield Sought(
        "hull.py",
        '# -*- coding: latin-1 -*-\n"""Größe des Rumpfes."""\n\n\ndef trim_ballast(hull):\n    return hull.ballast\n'.encode(
            "latin-1"
        ),
        "trim_ballast hull",
        "def trim_ballast",
    )
    yield Sought("Makefile", b"caisson:\n\tcc -o caisson caisson.c\n", "caisson cc", "cc -o caisson")
    yield Sought(
        "Hull.java",
        b"class Hull {\n  /** Pumps the cofferdam dry. */\n  void pump() {}\n}\n",
        "cofferdam dry",
        "Pumps the cofferdam",
    )
    yield Sought(
        "no-ending-at-all", b"The wherry has one sail.\n", "wherry sail", "one sail", {"line_start": 1}
    )
    yield Sought(
        "wrong-ending.pdf.txt",
        b"<!doctype html><p>The trawler &amp; the seine.</p>",
        "trawler seine",
        "seine",
    )


def _books() -> Iterator[Sought]:
    rtf = rb"{\rtf1\ansi\ansicpg1250\uc1{\fonttbl{\f0 Arial;}}{\*\generator x;}\pard\b Smlouva\b0\par Z\'e1loha za p\u345?\'edv\u283?s je \u8364?90.\par}"
    yield Sought("contract.rtf", rtf, "záloha přívěs", "je €90", {}, "\\u345")
    cyrillic = (
        b"{\\rtf1\\ansi\\ansicpg1251 "
        + "".join(f"\\'{byte:02x}" for byte in "Маяк погашен до весны.".encode("cp1251")).encode()
        + b"\\par}"
    )
    yield Sought("lighthouse.rtf", cyrillic, "маяк погашен", "до весны")
    chapters = (("Ropes", "Splice the hawser on Fridays."), ("Knots", "A sheepshank shortens the halyard."))
    parts = {
        f"c{number}.xhtml": f"<html xmlns='http://www.w3.org/1999/xhtml'><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
        for number, (title, text) in enumerate(chapters)
    }
    items = "".join(
        f"<item id='i{number}' href='{name}' media-type='application/xhtml+xml'/>"
        for number, name in enumerate(parts)
    )
    opf = f"<?xml version='1.0'?><package xmlns='http://www.idpf.org/2007/opf' version='3.0'><metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>Seamanship</dc:title></metadata><manifest>{items}</manifest><spine><itemref idref='i0'/><itemref idref='i1'/></spine></package>"
    container = "<container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles><rootfile full-path='b.opf' media-type='application/oebps-package+xml'/></rootfiles></container>"
    target = BytesIO()
    with ZipFile(target, "w", ZIP_STORED) as package:
        for name, text in {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "b.opf": opf,
            **parts,
        }.items():
            package.writestr(name, text)
    yield Sought(
        "seamanship.epub",
        target.getvalue(),
        "sheepshank halyard",
        "shortens the halyard",
        {"section": "Knots"},
    )
