"""Every text format is read for what it says, with the place where it says it."""

from __future__ import annotations

import json
import plistlib
import re
from base64 import b64encode
from dataclasses import replace
from email.message import EmailMessage
from io import BytesIO
from time import process_time
from typing import Any
from zipfile import ZipFile

import pytest

from calypso_mcp.domain.outlines import find_spot
from calypso_mcp.local.indexing.chunking import MAX_CHARS, split
from calypso_mcp.local.indexing.documents import Allowance, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.registry import choose_entry, is_quick_by_name, readable_formats
from tests.support.excel_2003 import EXCEL_2003


def read(name: str, content: str | bytes, content_type: str = "") -> Document:
    data = content.encode() if isinstance(content, str) else content
    return choose_entry(name, content_type, data[:8_192]).read(FileContent(data, name))


RSS = (
    "<?xml version='1.0'?><rss><channel><title>Feed</title><item><title>News &amp; more</title>"
    "<description>&lt;p&gt;Hello &lt;b&gt;world&lt;/b&gt;&lt;/p&gt;</description></item></channel></rss>"
)
EVENT = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Oslo:20260301T090000\n"
    "SUMMARY:Budget\\, review\nDESCRIPTION:Long text that is\n  folded\nEND:VEVENT\nEND:VCALENDAR\n"
)
CARD = (
    "BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller =\nMax\n"
    "PHOTO;ENCODING=BASE64:AAAA\nEND:VCARD\n"
)
NOTEBOOK = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Words here"]},
        {
            "cell_type": "code",
            "source": "print(x)",
            "outputs": [
                {"output_type": "stream", "text": ["printed 42\n"]},
                {"output_type": "display_data", "data": {"image/png": "AAAA"}},
            ],
        },
    ],
}
WEB_ARCHIVE = (
    "Date: Sun, 29 Nov 2026 13:00:00 +0000\r\nSubject: Exported\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>K=C3=BCndigung</p>\r\n--x--\r\n"
)


#: Addresses, code, amounts and names in running text.
LOOKING_LIKE_MARKS = (
    "ida <i@holm.test>, <s@b.test>; i<b && c>d; Pick<Article, 'a'>; a==1 b==2; 5%% of 6%%; %%i in %%j;"
    " &region;\nUse <style>.\n\nNine <style>b{}</style> ten"
)

READ = {
    "json": ("a.json", '{"policy": {"notice": "K\\u00fcndigung"}}', "policy.notice: Kündigung"),
    "json records": ("a.json", '[{"plan": "B", "eur": 249}]', "plan: B | eur: 249"),
    "csv with groups of columns": (
        "a.csv",
        "Region,Q1,,Q2,\n,Units,EUR,Units,EUR\nTroms,8,6,9,7\n",
        "Region: Troms | Q1 Units: 8 | Q1 EUR: 6 | Q2 Units: 9 | Q2 EUR: 7",
    ),
    "csv with groups of columns for each": (
        "a.csv",
        ",Q1,Q1,Q2,Q2\nRegion,Units,EUR,Units,EUR\nTroms,8,6,9,7\n",
        "Region: Troms | Q1 Units: 8 | Q1 EUR: 6 | Q2 Units: 9 | Q2 EUR: 7",
    ),
    "csv with facts above equal names": (
        "a.csv",
        "Konto;Giro 7\nWert;Betrag;Note;Note\n1;2;a;b\n",
        "Konto | Giro 7\n\nWert: 1 | Betrag: 2 | Note: a | Note: b",
    ),
    "csv of one row": ("a.csv", "Site,Boats,Boats\n", "Site | Boats | Boats"),
    "json records in records": (
        "a.json",
        '{"chat": [{"text": "At 11", "by": {"name": "Mira", "id": null}}, {"text": ["A\\n1", {"b": "B"}]}]}',
        "chat: text: At 11 | by.name: Mira\nchat: text: A 1 | text.b: B",
    ),
    "json html": ("a.json", '{"a": "<p>The <b>Jade</b>s<br>cost a&lt;b"}', "a: The Jades cost a<b"),
    "json brackets": ("a.json", '{"a": "List<String> a < b > c"}', "a: List<String> a < b > c"),
    "json numbers": ("a.json", '{"a": {"b": [1.50, 1e400]}}', "a.b: 1.50, 1e400"),
    "json of facebook": (
        "a.json",
        '{"from": "J\\u00c3\\u00bc \\u00f0\\u009f\\u0090\\u009f \\u00fc"}',
        "from: Jü 🐟 ü",
    ),
    "csv of issues": (
        "a.csv",
        "Summary,Comment,Comment\nLogin loops,By Safari,Fixed\n",
        "Summary: Login loops | Comment: By Safari | Comment: Fixed",
    ),
    "csv of a shop": (
        "a.csv",
        'Title,Body (HTML)\nBoat,"<p>A <b>oak</b>en<br>hull &amp; mast"\nOar,a < b\n',
        "Title: Boat | Body (HTML): A oaken hull & mast\nTitle: Oar | Body (HTML): a < b",
    ),
    "csv with spaces before quotes": ("a.csv", 'name , city\n"A", "x, y"\n', "name: A | city: x, y"),
    "csv below facts": (
        "a.csv",
        "Client;Bo;;\nSince;2019;;\n;;;\nDay;Text;Sum;\n1.2.;Rent;-9;\n",
        "Client | Bo\nSince | 2019\n\nDay: 1.2. | Text: Rent | Sum: -9",
    ),
    "csv of narrow names above wide rows": (
        "a.csv",
        "name,city\nA,x,old\nB,y,new\n",
        "name: A | city: x | old\nname: B | city: y | new",
    ),
    "a table called txt": (
        "a.txt",
        "city\tpop\nLund\t90\nOrsa\t5\n",
        "city: Lund | pop: 90\ncity: Orsa | pop: 5",
    ),
    "words in columns called txt": (
        "a.txt",
        "hello\thej\nbye\thej då\none\tett\n",
        "hello\thej\nbye\thej då\none\tett",
    ),
    "figures in prose": (
        "a.txt",
        "Fees, fines\nTen, 20\nYou pay 10, 20 or\n",
        "Fees, fines\nTen, 20\nYou pay 10, 20 or",
    ),
    "prose below a table": (
        "a.txt",
        'What\tGrams\nFlour\t500\nSugar\t200\n\n"Mix it well,\nand bake it.',
        'What\tGrams\nFlour\t500\nSugar\t200\n\n"Mix it well,\nand bake it.',
    ),
    "csv with decimal commas": (
        "a.csv",
        "10:00;1,5;2,5\n10:01;1,6;2,6\n",
        "10:00 | 1,5 | 2,5\n10:01 | 1,6 | 2,6",
    ),
    "csv with semicolons in a column": ("a.csv", "1,a;b\n2,c;d\n", "1 | a;b\n2 | c;d"),
    "csv with carets": ("a.csv", "part^bin\nflange, red^B7\n", "part: flange, red | bin: B7"),
    "diagram": (
        "a.drawio",
        '<mxfile><diagram name="Quay"><mxCell value="&lt;b&gt;Pump&lt;/b&gt; 7"/></diagram></mxfile>',
        "name: Quay | value: Pump 7",
    ),
    "mind map": ("a.mm", '<map version="1.0.1"><node TEXT="Return the key"/></map>', "TEXT: Return the key"),
    "json lines of records": (
        "a.jsonl",
        '{"day": 1, "who": {"id": 2}, "at": [3, 4]}\n',
        "day: 1 | who.id: 2 | at: 3, 4",
    ),
    "json lines": ("a.jsonl", '{"q": "how"}\n{"q": "K\\u00fcn"}\n', "q: how\nq: Kün"),
    "yaml": ("a.yaml", 'leave:\n  days: 15\n  notice: "\\u00fc"\n', "leave.days: 15\nleave.notice: ü"),
    "json comment": ("a.json", '{\n  // Why\n  "a": 1, // yes\n}', '{\n  // Why\n  "a": 1, // yes\n}'),
    "yaml comment": ("a.yml", "# About leave\na: 1 # yearly\n", "About leave\na: 1\nyearly"),
    "yaml records": ("a.yml", "plans:\n- name: B\n  eur: 2\n", "plans.name: B | plans.eur: 2"),
    "yaml alias": ("a.yml", "a: &x [foo]\nb: *x\n", "a: foo\nb: *x"),
    "toml": (
        "a.toml",
        '# why\n[policy]\nnotice = "three months"\n\n[[plans]] # all\neur = 9 # due\n',
        '# why\n\npolicy\n\nnotice = "three months"\n\nplans # all\n\neur = 9 # due',
    ),
    "xml": ("a.xml", "<a>\n<plan eur='249'>Business</plan>\n</a>", "eur: 249 | plan: Business"),
    "xml mixed": (
        "a.xml",
        "<d><p>Some <b>bold</b> text&nbsp;here</p><p>x</p></d>",
        "Some bold text here\nx",
    ),
    "xml paragraphs": ("a.xml", "<d><q><p>One.</p><p>Two.</p></q><e>3</e></d>", "One.\nTwo.\ne: 3"),
    "xml comments": (
        "a.xml",
        "<!-- Ask\nAnn -->\n<a><!-- <b>old</b> --><c>x<!-- first -->y</c></a>",
        "c: xy\n\nAsk Ann\nfirst",
    ),
    "a heading that is a number": (
        "a.xml",
        "<fix><heading>270</heading><at><lat>9</lat></at></fix>",
        "heading: 270\nlat: 9",
    ),
    "rss": ("a.rss", RSS, "Feed\n\ntitle: News & more | description: Hello world"),
    "svg": ("a.svg", "<svg><style>.a{}</style><text x='1'>Revenue</text></svg>", "text: Revenue"),
    "lines of a drawing": (
        "a.svg",
        "<svg><text><tspan>North</tspan><tspan>gate</tspan></text></svg>",
        "North gate",
    ),
    "runs of a paragraph": (
        "a.xml",
        "<w:body><w:p><w:r><w:t>Ninety </w:t></w:r><w:r><w:t>euros</w:t></w:r></w:p></w:body>",
        "Ninety euros",
    ),
    "rss escaped twice": ("a.rss", "<rss><title>A &amp;amp; B</title></rss>", "title: A & B"),
    "subtitles": (
        "a.srt",
        "1\n00:00:01,000 --> 00:00:04,000\n<i>It may</i>\nslip.\n\n2\n00:00:05,000 --> 00:00:06,000\nYes.\n",
        "[00:00:01] It may slip. Yes.",
    ),
    "styled subtitles": (
        "a.ass",
        "[Script Info]\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,A,,0,0,0,,{\\i1}Yes,\\Nno &amp; so\n",
        "[0:00:01] Yes, no & so",
    ),
    "web subtitles": ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Bob>Hello\n", "[00:01] Bob: Hello"),
    "a transcript": (
        "a.vtt",
        (
            "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann Ek>The price</v>\n\n00:02.000 --> 00:03.000\n"
            "<v.loud Ann Ek>rose.</v>\n\n00:03.000 --> 00:04.000\nBo Al: Why?\n"
        ),
        "[00:01] Ann Ek: The price rose. Bo Al: Why?",
    ),
    "subtitles of television": (
        "a.ttml",
        "<tt xmlns='http://www.w3.org/ns/ttml'><body><p>Ninety<br/>euros</p></body></tt>",
        "Ninety euros",
    ),
    "subtitles that roll": (
        "a.vtt",
        "WEBVTT\n\n00:01.000 --> 00:02.000\n \nthe price\n\n00:02.000 --> 00:03.000\nthe price\nrose\n",
        "[00:01] the price rose",
    ),
    "calendar": (
        "a.ics",
        EVENT,
        "Dtstart: 2026-03-01 09:00 | Summary: Budget, review | Description: Long text that is folded",
    ),
    "invitation": (
        "a.ics",
        'BEGIN:VEVENT\nORGANIZER;CN="Falk, Ida":mailto:i@b.example\nATTENDEE;CN=Bo:mailto:b@b.example\n',
        "Organizer: Falk, Ida mailto:i@b.example | Attendee: Bo mailto:b@b.example",
    ),
    "contact": ("a.vcf", CARD, "Fn: Müller Max"),
    "signs in a contact": (
        "a.vcf",
        "BEGIN:VCARD\nNOTE:tea\\; milk\\, rum\nADR:;;1 Main St\\; Apt 2;Oslo;;;\nEND:VCARD\n",
        "Note: tea; milk, rum | Adr: 1 Main St; Apt 2 Oslo",
    ),
    "notebook": ("a.ipynb", json.dumps(NOTEBOOK), "Title\n\nWords here\n\nprint(x)\n\nprinted 42"),
    "tsv": ("a.tsv", 'name\tcity\nMüller\t"Bad\nEms"\n', "name: Müller | city: Bad Ems"),
    "csv of Excel": ("a.csv", "sep=;\nname;amount\nA;1,5\n", "name: A | amount: 1,5"),
    "csv in single quotes": ("a.csv", "'name','note'\n'A','b, c'\n", "name: A | note: b, c"),
    "csv without names": ("a.csv", "1,2\n3,4\n", "1 | 2\n3 | 4"),
    "BibTeX": (
        "a.bib",
        "title = {The {N}orwegian {DNA}s of {Oslo}}",
        "title = {The Norwegian DNAs of {Oslo}}",
    ),
    "manual page": (
        "a.1",
        '.\\" eel\n.TH EEL 1\n\\fB\\-\\-wait\\fR \\fISECONDS\\fP',
        '.\\" eel\n.TH EEL 1\n--wait SECONDS',
    ),
    "what other texts than manual pages escape": ("a.txt", "[\\-\\w] \\fI .TH EEL", "[\\-\\w] \\fI .TH EEL"),
    "LaTeX": (
        "a.tex",
        'F\\"ur {\\"O}l, caf\\\'{e}, na\\"{\\i}f,\n\\v{C}esk\\\'y gro{\\ss}er \\o re 5\\,\\% \\emph{u}s',
        "Für Öl, café, naïf,\nČeský großer øre 5\\,\\% \\emph{u}s",
    ),
    "properties": (
        "a.properties",
        "greeting=K\\u00fcn\\\n  digung\nfull: It\\ is full\\!\\nGo on\npath=C:\\\\u00fc",
        "greeting=Kündigung\n\nfull: It is full! Go on\npath=C:\\u00fc",
    ),
    "strings of Apple": (
        "a.strings",
        '/* Tide */\n"tide" = "Flut \\"heute\\" \\U00fcber";\n"b" = "B";',
        '/* Tide */\n"tide" = "Flut "heute" über";\n"b" = "B";',
    ),
    "a catalog of gettext": (
        "a.po",
        'msgid ""\n"Long \\"text\\""\n" goes on"\nmsgstr "Langer"\n\nmsgid "b"',
        'msgid "Long "text" goes on"\n\n\nmsgstr "Langer"\n\nmsgid "b"',
    ),
    "resources of a program's build": (
        "pom.xml",
        "<project>\n<build><resources><resource>C:\\temp\\new</resource></resources></build></project>",
        "resource: C:\\temp\\new",
    ),
    "strings of Android": (
        "a.xml",
        "<resources>\n<string name='full'>Isn\\'t it \\\"full\\\"?\\nNo</string></resources>",
        'name: full | string: Isn\'t it "full"? No',
    ),
    "truths of a property list": (
        "a.plist",
        "<plist><dict><key>Night</key><true/><key>Day</key><false/></dict></plist>",
        "key: Night | true | key: Day | false",
    ),
    "messages of a chat": ("a.json", '[{"text": "R&amp;D &lt;b> &copy"}]', "text: R&D <b> &copy"),
    "html within yaml": ("a.yaml", 'q: "R&amp;D?"\na: "<p>At <b>quay</b> 3</p>"\n', "q: R&D?\na: At quay 3"),
    "groups of rows in one table": (
        "a.csv",
        "rope,eur,unit\nHemp,4,coil\n\nSilk,free,coil\nWire,9,coil\n\nJute,free,bale\nSisal,5,bale\n",
        (
            "rope: Hemp | eur: 4 | unit: coil\nrope: Silk | eur: free | unit: coil\n"
            "rope: Wire | eur: 9 | unit: coil\n"
            "rope: Jute | eur: free | unit: bale\nrope: Sisal | eur: 5 | unit: bale"
        ),
    ),
    "tables below each other": (
        "a.csv",
        "rope,eur,m\nHemp,4,9\n\nPaints\ncolour,litres,kind\nRed,12,oil\n,,\nday,from,to\nMon,8,16\n\nBy,Ida,Per\nx,y,z\n",
        (
            "rope: Hemp | eur: 4 | m: 9\nrope: Paints\n\ncolour: Red | litres: 12 | kind: oil\n\n"
            "day: Mon | from: 8 | to: 16\nday: By | from: Ida | to: Per\nday: x | from: y | to: z"
        ),
    ),
    "references in a table": ("a.csv", "name,eur\nR&amp;D,9", "name: R&D | eur: 9"),
    "ruby": ("a.html", "<ruby>漢字<rp>(</rp><rt>kanji</rt></ruby>", "漢字"),
    "xhtml": (
        "a.xhtml",
        "<?xml version='1.0'?><html><script src='a'/><body>Two rents</body></html>",
        "Two rents",
    ),
    "literal text in xhtml": (
        "a.xhtml",
        "<html><script>//<![CDATA[\na < b\n//]]></script><p>Two <![CDATA[<rents> & [a] fee]]></p></html>",
        "Two <rents> & [a] fee",
    ),
    "mail called txt": (
        "a.txt",
        "Subject: Rent\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\nK=C3=BCnd=\nigt",
        "Rent\n\nKündigt",
    ),
    "mailbox of Thunderbird": (
        "Inbox",
        "From - Mon Jan  1 00:00:00 2024\nSubject: Rent\n\nNine\n",
        "Rent\n\nNine",
    ),
    "flowed mail": (
        "a.eml",
        (
            "Content-Type: text/plain; format=flowed; delsp=yes\n\nninety \n  euros\n \n"
            "> so  \n> far\n>> no\n-- \nB\n"
        ),
        "ninety euros\n\n> so far\n>> no\n-- \nB",
    ),
    "mail that was cut off": (
        "a.eml",
        "Subject: Rent\nContent-Transfer-Encoding: base64\n\nbmluZXR5IGV1cm9zI",
        "Rent\n\nninety euros",
    ),
    "mail whose parts nothing separates": (
        "a.eml",
        "Subject: Rent\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=lost\n\nNinety euros.\n",
        "Rent\n\nNinety euros.",
    ),
    "page without an ending": ("notice", "<p>Nine</p>", "Nine"),
    "page called md": ("notes.md", "\n<!DOCTYPE html><title>Rent</title><p>Nine", "Nine"),
    "page called json": ("answer.json", "<!doctype html><h1>502</h1><p>Bad gateway", "502\n\nBad gateway"),
    "page within Markdown": ("notes.md", "<p>Nine\n\n# Ten", "Nine\n\nTen"),
    "tags, references and escapes in Markdown": (
        "notes.md",
        (
            "<!-- a\n# note -->\nPay 6&nbsp;&euro; by file\\_name,\\\n<kbd>Ctrl</kbd>+<b class='x'"
            '\n>K</b><br/>and <img\n src="a" alt="a map">.\n<style>a{}</style>\n[//]: # (hidden)\n3 \\< 4'
        ),
        "Pay 6 € by file_name,\nCtrl+\nK and a map\n.\n\n\n3 < 4",
    ),
    "a table of HTML in Markdown": (
        "notes.md",
        "<details>\n<table><tr><th>Lane</th><th>EUR</th></tr>\n<tr><td>Oslo</td><td>3</td></tr></table>",
        "Lane |  EUR |\nOslo |  3 |",
    ),
    "marks of single programs in Markdown": (
        "notes.mdx",
        (
            "import Tabs from '@theme/Tabs';\n<Tabs>\n:::note Read\n"
            "See [[Deck#Aft|the deck]], [[Yard]], ![[a.png|30]]\n:::\n"
            "</Tabs>\nIt pulls ==1,800 kg==. %%ask%%\n::: {.callout-tip}\n> [!WARNING]- Lock\n> it."
        ),
        "note Read\nSee the deck, Yard, a.png\n\n\nIt pulls 1,800 kg.\n\n> WARNING Lock\n> it.",
    ),
    "what Markdown means as it stands": (
        "notes.md",
        "a == b == c, [[1]](u), [[ -f x ]], 5%%, Map<Key, T>, `&lt;a> \\_`, $a\\_b$ \\| \\\\host <!-- open",
        "a == b == c, [[1]](u), [[ -f x ]], 5%%, Map<Key, T>, `&lt;a> \\_`, $a\\_b$ \\| \\\\host <!-- open",
    ),
    "what only looks like a mark in Markdown": (
        "notes.md",
        LOOKING_LIKE_MARKS,
        LOOKING_LIKE_MARKS,
    ),
    "code and references in a heading of Markdown": (
        "a.md",
        "# `&amp;`, `<b>`, &amp;lt;",
        "&amp;, <b>, &lt;",
    ),
    "powers and notes in Markdown": (
        "a.md",
        "10<sup>6</sup>, 1<sup>st</sup>, CO<sub>2</sub>",
        "10^6, 1st, CO2",
    ),
    "powers and notes in HTML": (
        "a.html",
        "<p>10<sup>6</sup> 1<sup>st</sup> in 2019<sup><a href=#1>2</a></sup>",
        "10^6 1st in 2019^2",
    ),
    "what elements of MDX show": (
        "notes.mdx",
        "<Tab title=\"Pay day\"\n label='Ida' icon=\"x\">\n<Card href='/a' />",
        "Pay day Ida",
    ),
    "indented code in Markdown": (
        "notes.md",
        (
            "A\n\n    <script src=a></script>\n\n    <b>&amp;\n\n"
            "- Item\n\n    <b>bold</b>\n\n        <i>\n\nB\n    <b>c</b>"
        ),
        "A\n\n    <script src=a></script>\n\n    <b>&amp;\n\n- Item\n\nbold\n\n        <i>\n\nB\nc",
    ),
    "fenced code in lists and quotations of Markdown": (
        "notes.md",
        (
            "1. A\n\n    ```html\n    <b>\n    ```\n    <b>x</b>\n- ~~~\n  <b>\n  ~~~\n"
            "> ```\n> &amp;\n<b>y</b>\n\n```z``` <b>z"
        ),
        "1. A\n\n    ```html\n    <b>\n    ```\nx\n- ~~~\n  <b>\n  ~~~\n> ```\n> &amp;\ny\n\n```z``` z",
    ),
    "code in Markdown": (
        "notes.md",
        "~~~\n<b>&amp;</b> \\*\n~~~\n\n    a\\.b",
        "~~~\n<b>&amp;</b> \\*\n~~~\n\n    a\\.b",
    ),
    "page after a comment": ("notice", "<!-- saved from a -->\n<!doctype html><p>Nine", "Nine"),
    "json without an ending": ("notice", '{\n  "rent": "f\\u00fcnf"\n}', "rent: fünf"),
    "html called doc": ("a.doc", "<html><body><p>Saved by Word</p></body></html>", "Saved by Word"),
    "rtf called doc": ("a.doc", "{\\rtf1\\ansi Caf\\'e9 words}", "Café words"),
    "text called docx": ("a.docx", "just text", "just text"),
    "a table called xls": (
        "a.xls",
        "<table><tr><th>lane</th><th>days</th></tr><tr><td>Oslo</td><td>3</td></tr></table>",
        "lane | days\nOslo | 3",
    ),
    "a web archive called doc": (
        "a.doc",
        WEB_ARCHIVE,
        "Exported\n\nDate: Sun, 29 Nov 2026 13:00:00 +0000\n\nKündigung",
    ),
    "csv called xls": ("a.xls", "lane;days\nOslo;3\n", "lane: Oslo | days: 3"),
    "tsv called xls": ("a.xls", "lane\tdays\nOslo\t3\n", "lane: Oslo | days: 3"),
    "Excel of 2003": (
        "a.xls",
        EXCEL_2003,
        "Rates\n\nlane: Oslo | days: 3 | note: slow\n\nComment: Ask Anna.",
    ),
}


@pytest.mark.parametrize(("name", "content", "text"), READ.values(), ids=READ)
def test_a_format_is_read_for_what_it_says(name: str, content: str, text: str) -> None:
    document = read(name, content)
    assert (document.text, document.warnings) == (text, ())


@pytest.mark.parametrize(
    ("name", "root"),
    [("a.xml", "pkg:package"), ("a.xml", "w:wordDocument"), ("a.fodt", "office:document")],
)
def test_an_office_document_in_one_xml_file_is_refused_with_what_to_do(name: str, root: str) -> None:
    with pytest.raises(ExtractionFailed, match=r"one XML file\. Save it as docx") as failed:
        read(name, f'<?xml version="1.0"?><{root}><x style="Standard">Ninety euros</x></{root}>')
    assert failed.value.code == "unsupported"


@pytest.mark.parametrize(
    ("start", "is_refused"),
    [
        ("\n<office:document xmlns:office='urn'", True),
        ('\r\n<?mso-application progid="Word.Document"?>', True),
        ('\r\n<?mso-application progid="PowerPoint.Show"?>', True),
        ('\r\n<?mso-application progid="Excel.Sheet"?>', False),
        ("\n<office>", False),
    ],
)
def test_an_office_document_in_one_xml_file_is_refused_before_it_is_sent(
    start: str, is_refused: bool
) -> None:
    head = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{start}'.encode()
    assert (readable_formats().refusal("a.xml", head) is not None) == is_refused


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("<mn>1</mn><mfrac><mn>1</mn><mrow><mn>2</mn><mi>n</mi></mrow></mfrac>", "1 1/2n"),
        ("<msup><mn>10</mn><mrow><mo>-</mo><mn>6</mn></mrow></msup>", "10^-6"),
        ("<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>", "x1^2"),
        (
            "<msup><mn>10</mn><mn>6</mn></msup><annotation>10^6</annotation>",
            "10^6",
        ),
        ("<msup><mi>m</mi><mn>2</mn></msup><msub><mi>CO</mi><mn>2</mn></msub>", "m2CO2"),
        ("<msqrt><mn>2</mn></msqrt>", "\u221a2"),
        ("<msup></msup><mfrac></mfrac><mn>5</mn>", "5"),
    ],
)
def test_formulas_of_html_are_read_with_the_signs_that_they_show(formula: str, text: str) -> None:
    assert read("a.html", f"<p>is <math><semantics>{formula}</semantics></math> or").text == f"is {text} or"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a.pages", "program that is not supported. Save it as PDF"),
        ("a.vsdx", "program that is not supported. Save it as PDF"),
        ("a.zip", "an archive. Unpack it"),
        ("a.pdf", "an archive. Unpack it"),
        ("a.mp3", "an archive. Unpack it"),
    ],
)
def test_the_name_of_a_package_that_cannot_be_read_says_what_to_do(name: str, why: str) -> None:
    with ZipFile(target := BytesIO(), "w") as package:
        package.writestr("Index/Document.iwa", "x")
    with pytest.raises(ExtractionFailed, match=re.escape(why)):
        read(name, target.getvalue())


def test_a_program_named_as_a_package_is_a_program() -> None:
    with pytest.raises(ExtractionFailed, match="is a program"):
        read("a.numbers", b"\x7fELF\x02\x01\x01" + bytes(60))


#: As Word writes it: a name of one byte for each letter, then of two.
LOCK = b"\x03Ann".ljust(54) + b"\x03\0" + "Ann".ljust(53).encode("utf-16-le")
LEFTOVERS = {
    "word": ("drafts/~$notes.docx", LOCK, "despite its name"),
    "windows": (r"drafts\~$notes.xlsx", LOCK, "despite its name"),
    "apple double": ("._notes.txt", b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + 200 * b" ", "a Mac notes"),
    "finder": (".DS_Store", b"\0\0\0\x01Bud1" + 200 * b" ", "a Mac notes"),
}


@pytest.mark.parametrize(("name", "data", "why"), LEFTOVERS.values(), ids=LEFTOVERS)
def test_what_programs_keep_beside_files_is_refused(name: str, data: bytes, why: str) -> None:
    refused = readable_formats().refusal(name, data)
    assert refused is not None
    assert why in refused.message
    with pytest.raises(ExtractionFailed, match=why):
        read(name, data)


BROKEN = {
    "json": ("a.json", "{not json\nat all", "JSON"),
    "yaml": ("a.yaml", "a: [1\nb: }", "YAML"),
    "xml": ("a.xml", "<a><b>not json</a>", "XML"),
    "notebook": ("a.ipynb", "[1]", "notebook"),
}


@pytest.mark.parametrize(("name", "content", "what"), BROKEN.values(), ids=BROKEN)
def test_what_does_not_parse_is_read_as_text_and_says_so(name: str, content: str, what: str) -> None:
    document = read(name, content)
    assert document.blocks
    assert [warning for warning in document.warnings if what in warning]


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("a.jsonl", '{"a": "b"}\n\n{"a": "c"}\n', [(1, 3)]),
        ("a.json", '{\n"": "", "a": [\n1, {}, null,\n"\\": \\"2"]}\n', [(3, 4)]),
        ("a.json", '{"a": 1,\n"b": 2,\n"a": 3}', [(None, None)]),
        ("a.json", json.dumps({"a": "word " * 300}) + "\n", [(None, None)]),
        ("a.csv", 'name,city\nA,"x\ny"\nB,z\n', [(2, 4)]),
        ("a.yaml", "# c\na: 1\n", [(1, 2)]),
        ("a.xml", "<?xml version='1.0'?>\n<a>\n<b>x</b>\n</a>", [(2, 4)]),
        ("a.html", "<p>one</p>\n\n<p>two</p>\n\n", [(None, None)]),
    ],
)
def test_lines_are_those_of_the_file_and_left_out_where_they_say_nothing(
    name: str, content: str, places: list[tuple[int | None, int | None]]
) -> None:
    assert [(chunk.line_start, chunk.line_end) for chunk in split(read(name, content))] == places


PLACED = {
    "json": ("a.json", '[\n{"n": "word0",\n"u": "\\u00fc"}', ',\n{"n": "word%d",\n"u": 1}', "\n]", 2),
    "json lines": ("a.jsonl", '{"n": "word0"}\n\n', '{"n": "word%d"}\n\n', "", 2),
    "yaml": ("a.yaml", "- n: word0\n  u: |\n    a\n    b\n", "- n: word%d\n  u: |\n    a\n    b\n", "", 4),
    "xml": ("a.xml", "<a>\n<c><b>word0</b>\n</c>", "<c><b>word%d</b>\n</c>", "</a>", 2),
}


@pytest.mark.parametrize(("name", "top", "record", "end", "height"), PLACED.values(), ids=PLACED)
def test_a_record_inside_a_passage_is_placed_on_its_own_lines(
    name: str, top: str, record: str, end: str, height: int
) -> None:
    content = top + "".join(record % number for number in range(1, 30)) + end
    [chunk, *_] = split(read(name, content))
    at = chunk.text.index("word7")
    spot = find_spot(chunk.outline, chunk.text, at, at + len("word7"))
    assert spot.line_start is not None
    assert spot.line_end is not None
    assert spot.line_end - spot.line_start < height
    assert "word7" in "\n".join(content.split("\n")[spot.line_start - 1 : spot.line_end])


TABLES = {
    "csv": ("a.csv", "plan,eur\n", "Plan{0},{0}\n", "plan: Plan399 | eur: 399"),
    "csv below facts": (
        "a.csv",
        "Konto;1\n\nplan;eur;at\n",
        "Plan{0};{0};1.2.\n",
        "plan: Plan399 | eur: 399",
    ),
    "markdown": ("a.md", "| plan | eur |\n|---|---|\n", "| Plan{0} | {0} |\n", "| Plan399 | 399 |"),
    "html": ("a.html", "<table><tr><th>plan<th>eur", "<tr><td>Plan{0}<td>{0}", "Plan399 | 399"),
}


@pytest.mark.parametrize(("name", "header", "row", "last"), TABLES.values(), ids=TABLES)
def test_every_passage_of_a_table_names_its_columns_and_no_row_is_cut(
    name: str, header: str, row: str, last: str
) -> None:
    chunks = split(read(name, header + "".join(row.format(number) for number in range(400))))
    assert len(chunks) > 3
    assert all("plan" in chunk.text and "eur" in chunk.text for chunk in chunks)
    assert all(len(chunk.text) <= MAX_CHARS for chunk in chunks)
    assert last in chunks[-1].text
    assert sum(chunk.text.count("Plan") for chunk in chunks) == 400


def test_a_row_longer_than_a_passage_stays_whole() -> None:
    long = "word " * 1_000
    [first, second] = split(read("a.csv", f"name,text\nA,{long}\nB,x\n"))
    assert first.text.count("word") == 1_000
    assert second.text == "name: B | text: x"


def test_front_matter_gives_title_and_tags_in_yaml_and_toml() -> None:
    by_commas = "---\ntitle: T\ntags: a, b\n---\nx"
    by_yaml, by_toml = by_commas.replace("a, b", "[a, b]"), '+++\ntitle = "T"\ntags = ["a", "b"]\n+++\nx'
    for text in (by_commas, by_yaml, by_toml):
        for written in (text, text.replace("\n", "\n\n", 1)):
            document = read("a.md", written)
            assert (document.title, document.tags) == ("T", ("a", "b"))


def test_the_names_of_sections_in_settings_are_the_section_of_what_is_in_them() -> None:
    document = read("a.ini", '; Port\n[mail]\nhost = [::1]\n[mail "old"]\nhost = nine\n')
    titles = [block.text for block in document.blocks if block.heading_level is not None]
    assert titles == ["mail", 'mail "old"']
    assert document.title is None
    [chunk] = split(document)
    at = chunk.text.index("nine")
    assert find_spot(chunk.outline, chunk.text, at, at + len("nine")) == ('mail "old"', 5, 5)


def test_a_rule_above_the_first_slide_begins_no_front_matter() -> None:
    slides = read("a.md", "---\n\n# Oars\n\nNine\n\n---\n\n# Boats\n")
    assert [block.text for block in slides.blocks if block.heading_level == 1] == ["Oars", "Boats"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("**Launch** & <code>run</code> [it](http://a.example/b_c 'Title')", "Launch & run it"),
        ("[![Build](a.svg)](http://a.example) Pump", "Build Pump"),
        ("The `<a>` element and `a*b*c`", "The <a> element and a*b*c"),
        ("***`calypso_mcp`*** ~~old~~", "calypso_mcp old"),
        ("Q&amp;A \\*", "Q&A *"),
        ("Notice {#notice}", "Notice"),
        ("[1.2.0] - 2026-01-01", "[1.2.0] - 2026-01-01"),
        ("Vec<T>, 2 * 3 * 4 and __init__", "Vec<T>, 2 * 3 * 4 and __init__"),
        ("`", "`"),
    ],
)
def test_a_heading_of_markdown_says_what_it_shows(line: str, shown: str) -> None:
    for text in (f"# {line}\n\nNine.", f"{line}\n===\n\nNine."):
        assert read("a.md", text).blocks[0].text == shown


OUTLINED = {
    "reStructuredText": (
        "a.rst",
        "====\nPort\n====\nFees\n-----\n\nOars\n~~~~\n\n----\n\nTwo\nlines\n-----\n\nNine.",
        ["Port", "Fees", "Oars"],
    ),
    "AsciiDoc": (
        "a.adoc",
        "= Port\n:toc:\n\n== Fees\n----\n== Code\n....\n----\n\n=== Oars\n\n====\nNine.\n====\n",
        ["Port", "Fees", "Oars"],
    ),
    "AsciiDoc with a listing that nothing ends": (
        "a.adoc",
        "= Port\n----\n== Fees\nNine.",
        ["Port", "Fees"],
    ),
    "Org": (
        "a.org",
        "#+TITLE: Port\n* Fees\n#+BEGIN_SRC sh\n* Code\n#+end_src\n** Oars\n*Nine* euros.",
        ["Port", "Fees", "Oars"],
    ),
    "Typst": ("a.typ", "= Port\n== Fees\n```py\n= Code\n```\n=== Oars\nNine.", ["Port", "Fees", "Oars"]),
    "Typst with code in a line": ("a.typ", "= Port\n```a``` x\n== Fees\n```b```\nNine.", ["Port", "Fees"]),
    "LaTeX with a listing": (
        "a.tex",
        "\\title{Port}\n\\begin{verbatim}\n\\section{Code}\n\\end{verbatim}\n\\section{Fees}\nNine.",
        ["Port", "Fees"],
    ),
    "LaTeX": (
        "a.tex",
        "\\title{Port}\n\\section[F]{Fees}\\label{f} % c\n\\subsection*{\\emph{Oars}}\n\\section{Nine} euros",
        ["Port", "Fees", "Oars"],
    ),
}


@pytest.mark.parametrize(("name", "content", "path"), OUTLINED.values(), ids=OUTLINED)
def test_the_headings_of_a_text_are_the_section_of_what_follows(
    name: str, content: str, path: list[str]
) -> None:
    document = read(name, content)
    assert [block.text for block in document.blocks if block.heading_level is not None] == path
    assert document.title == "Port"
    [chunk] = [chunk for chunk in split(document) if "Nine" in chunk.text]
    [*_, last] = document.blocks
    assert "Nine" in last.text
    assert last.line_end == len(content.rstrip("\n").split("\n"))
    assert chunk.line_end == last.line_end


def test_the_titles_of_sections_in_xml_are_the_section_of_what_is_in_them() -> None:
    chunks = split(
        read(
            "a.xml",
            "<book><info/><title>Guide</title><part><title>The <i>last</i> pump</title><p>Prime it.</p>"
            "<figure><title>Valve</title><p>A <b>side</b> view.</p></figure><p>Oil <b>it</b>.</p>"
            "<p>x<title>y</title></p></part><p>End of <b>all</b>.</p></book>",
        )
    )

    def heading(said: str) -> str | None:
        [chunk] = [chunk for chunk in chunks if said in chunk.text]
        at = chunk.text.index(said)
        return (
            find_spot(chunk.outline, chunk.text, at, at + len(said)).heading
            if chunk.outline
            else chunk.heading
        )

    for said in ("Prime it.", "title: Valve", "Oil it.", "xy"):
        assert heading(said) == "Guide > The last pump"
    assert heading("End of all.") is None


def test_a_long_record_in_xml_stands_below_its_title() -> None:
    page = f"<note><title>Herons</title><content>{'word ' * 900}</content></note>"
    assert {chunk.heading for chunk in split(read("a.enex", f"<en-export>{page}</en-export>"))} == {"Herons"}


def test_a_heading_in_html_is_the_title_of_a_readme() -> None:
    assert read("README.md", '<h1 align="center">Project &amp; Co</h1>\n\nx').title == "Project & Co"


@pytest.mark.parametrize("text", [RSS, "<feed><title>Feed</title><entry><title>News</title></entry></feed>"])
def test_a_feed_has_the_title_that_it_states(text: str) -> None:
    assert read("a.xml", text).title == "Feed"


def test_the_title_of_a_drawing_is_no_title_of_the_page() -> None:
    assert read("a.html", "<body><svg><title>Icon</title></svg><p>x").title is None


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name] = value
    message.set_content("The lease ends in May.\n")
    return message


def test_a_mail_shows_its_heading_body_and_attachments() -> None:
    message = mail(Subject="Kündigung", From="Bö <a@b.example>", To="c@d.example")
    message.add_attachment(b"plan,eur\nB,249\n", maintype="text", subtype="csv", filename="t.csv")
    message.add_attachment(b"GIF89a\x00", maintype="image", subtype="gif", filename="p.gif")
    document = read("a.eml", message.as_bytes())
    assert document.title == "Kündigung"
    assert "From: Bö <a@b.example>\nTo: c@d.example" in document.text
    assert "The lease ends in May." in document.text
    assert "plan: B | eur: 249" in document.text
    assert document.warnings == (
        "attachment not read: 'p.gif' is a picture. Send the text in it, or save it as PNG or JPEG.",
    )


def test_an_encrypted_mail_says_what_to_do_and_a_signature_says_nothing() -> None:
    letter = EmailMessage()
    letter["Subject"] = "Secret"
    letter.set_content("See the file.")
    letter.add_attachment(b"-----BEGIN PGP MESSAGE-----", "text", "plain", filename="a.asc")
    letter.add_attachment(b"0", "application", "pkcs7-signature", filename="smime.p7s")
    [warning] = read("a.eml", letter.as_bytes()).warnings
    assert warning.startswith(
        "attachment not read: 'a.asc' is an encrypted or signed message. Open it in your"
    )


def test_a_report_of_a_mail_that_was_not_delivered_is_read() -> None:
    report = (
        "Subject: Undelivered\nContent-Type: multipart/report; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nNo.\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; x\n\nDiagnostic-Code: mailbox full\n--b--\n"
    )
    assert "mailbox full" in read("a.eml", report).text


def test_a_name_that_two_encoded_words_spell_is_one_word() -> None:
    letter = b"Subject: x\nFrom: =?utf-8?Q?J=C3=B6rg_M=C3=BC?= =?utf-8*de?Q?ller?= <j@x.example>\n\nRent\n"
    assert "From: Jörg Müller <j@x.example>" in read("a.eml", letter).text


@pytest.mark.parametrize("word", [b"=?ut\xd8f-8?Q?Rent?=", b"=?utf-8?B?UmVudA?="])
def test_a_damaged_encoded_word_costs_the_mail_nothing_else(word: bytes) -> None:
    assert "ninety euros" in read("a.eml", b"Subject: %s\nFrom: %s\n\nninety euros\n" % (word, word)).text


def test_a_mail_of_parts_nested_absurdly_deep_is_refused() -> None:
    starts = [f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(2_000)]
    with pytest.raises(ExtractionFailed, match="nested too deeply"):
        read("a.eml", f"Subject: x\n{''.join(starts)}\nRent\n")


def test_a_mail_as_apple_stores_it_is_decoded() -> None:
    letter = b"Subject: x\nContent-Transfer-Encoding: quoted-printable\n\nK=C3=BCndigung\n"
    [subject, body] = read("a.emlx", b"%d   \n%s<?xml version='1.0'?><plist/>" % (len(letter), letter)).blocks
    assert (subject.text, body.text) == ("x", "Kündigung")


def test_html_in_nested_alternatives_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    depth = 40
    page = b64encode(b"<p>" + b"ninety euros " * 30).decode()
    letter = f"Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n{page}\n"
    for level in range(depth):
        letter = (
            f"Content-Type: multipart/alternative; boundary=b{level}\n\n--b{level}\n"
            f"Content-Type: text/plain\n\nSee.\n--b{level}\n{letter}\n--b{level}--\n"
        )
    decoded: list[str] = []
    get_payload = EmailMessage.get_payload

    def count(part: EmailMessage, i: int | None = None, decode: bool = False) -> object:
        if decode:
            decoded.append(part.get_content_type())
        return get_payload(part, i, decode)

    monkeypatch.setattr(EmailMessage, "get_payload", count)
    assert "ninety euros" in read("a.eml", f"Subject: x\n{letter}").text
    assert decoded.count("text/html") <= 2  # once to weigh it, once to read it


def test_a_mail_inside_a_mail_is_read_and_an_endless_nest_is_not() -> None:
    message = mail(Subject="0")
    for depth in range(1, 8):
        outer = mail(Subject=str(depth))
        outer.add_attachment(message)
        message = outer
    subjects = [block.text for block in read("a.eml", message.as_bytes()).blocks if block.heading_level]
    assert subjects[0] == "7"
    assert "4" in subjects
    assert "0" not in subjects


def _zip(**files: bytes) -> bytes:
    target = BytesIO()
    with ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def test_archives_in_a_mail_are_read_and_an_endless_nest_is_not() -> None:
    inner = mail(Subject="Inner")
    inner.add_attachment(b"Soup.", maintype="application", subtype="octet-stream", filename="menu.txt")
    archive = _zip(**{"a/b.txt": b"Rent.", "inner.eml": inner.as_bytes(), "more.zip": _zip(c=b"Deposit.")})
    outer = mail(Subject="Outer")
    outer.add_attachment(archive, maintype="application", subtype="zip", filename="papers.zip")
    text = read("a.eml", outer.as_bytes()).text
    assert [words for words in ("File: a/b.txt", "Rent.", "Soup.", "Deposit.") if words not in text] == []
    for _ in range(5):
        archive = _zip(**{"more.zip": archive})
    [warning] = read("a.eml", _mail_with(archive)).warnings
    assert "too many files lie in each other" in warning


def _mail_with(archive: bytes) -> bytes:
    letter = mail(Subject="s")
    letter.add_attachment(archive, maintype="application", subtype="zip", filename="a.zip")
    return letter.as_bytes()


_RECORDS = b'name,note\nA,"one\ntwo"\nB,three\n'
_LONG_TABLE = "| name | note |\n|---|---|\n" + "| A | three words more |\n" * 100
WITH_INNER_LINES = {
    "an attachment": ("a.eml", _mail_with(_zip(**{"a.csv": _RECORDS}))),
    "a cell of a notebook": (
        "a.ipynb",
        json.dumps({"cells": [{"cell_type": "markdown", "source": _LONG_TABLE}]}).encode(),
    ),
}


@pytest.mark.parametrize(("name", "data"), WITH_INNER_LINES.values(), ids=WITH_INNER_LINES)
def test_a_file_has_no_lines_of_what_is_inside_it(name: str, data: bytes) -> None:
    blocks = read(name, data).blocks
    assert len(blocks) > 1
    assert {(block.line_start, block.line_end, block.row_lines) for block in blocks} == {(None, None, ())}


def test_all_files_inside_one_file_together_are_bounded() -> None:
    bomb = _zip(**{f"{number}.txt": b"Rent. " * 40 for number in range(99)})
    archive = _zip(**{f"{number}.zip": bomb for number in range(99)})
    document = read("a.eml", _mail_with(archive))
    assert document.text.count("File: ") <= Allowance().members
    assert any("too many files" in warning for warning in document.warnings)
    large = FileContent(_mail_with(_zip(a=b"x" * 9_000)), "a.eml", allowance=Allowance(size_bytes=8_000))
    document = choose_entry("a.eml", "", b"").read(large)
    assert any("too many files" in warning for warning in document.warnings)


def test_an_attached_archive_that_needs_a_password_or_is_damaged_is_named() -> None:
    locked = bytearray(_zip(a=b"Rent."))
    for at in (locked.index(b"PK\x03\x04") + 6, locked.index(b"PK\x01\x02") + 8):
        locked[at] |= 1
    for archive, why in ((bytes(locked), "protected by a password"), (_zip(a=b"Rent.")[:-9], "damaged")):
        [warning] = read("a.eml", _mail_with(archive)).warnings
        assert warning == f"attachment a.zip was not read: The archive is {why}."


@pytest.mark.parametrize(
    "page",
    ["<p>The offer stands until Friday.</p>", f"<p>See HTML.</p>{list(range(30))} until Friday."],
)
@pytest.mark.parametrize("plain", ["See HTML.", "--"])
def test_html_is_read_where_the_plain_part_says_nothing(page: str, plain: str) -> None:
    message = mail(Subject="s")
    message.set_content(plain)
    message.add_alternative(page, subtype="html")
    assert "ntil Friday" in read("a.eml", message.as_bytes()).text


def test_a_plain_part_without_headers_is_one() -> None:
    parts = "\n\n--b\n\nNine euros.\n--b\nContent-Type: text/enriched\n\n<bold>Nine</bold>\n--b--\n"
    letter = f"Subject: s\nContent-Type: multipart/alternative; boundary=b{parts}"
    assert read("a.eml", letter.encode()).text == "s\n\nNine euros."


@pytest.mark.parametrize(
    "rest",
    [
        "<img src=a.gif>",
        "<style>p { color: red }</style><img src=a.gif>",
        "<!--[if mso]><b>-- Old --</b><![endif]-->&nbsp;&#8199;<img src=a.gif><script>if (a < b) run()",
    ],
)
def test_the_plain_part_is_read_where_html_shows_pictures_only(rest: str) -> None:
    message = mail(Subject="s")
    message.set_content("The offer stands until Friday.")
    page = f"<head><title>News</title><style>p {{ color: red }}</style></head><body class=wide>{rest}"
    message.add_alternative(page, subtype="html")
    assert "until Friday" in read("a.eml", message.as_bytes()).text


def test_a_text_that_pgp_signed_is_read_without_its_armor() -> None:
    signed = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nNine weeks.\n-----BEGIN PGP SIGNATURE-----\n"
    )
    ending = (
        "Comment: GnuPG - with Mail\n\niQEzBAEBCAAdFiEE/L5aQF4RZ5THh==\n-----END PGP SIGNATURE-----\nBye.\n"
    )
    assert read("a.eml", f"Subject: s\n\n{signed}{ending}").text.split() == ["s", "Nine", "weeks.", "Bye."]


def test_every_sheet_of_a_web_archive_of_excel_is_read() -> None:
    pages = ("<frameset><frame src=a.htm></frameset>", "<table><tr><td>Oslo</table>", "<p>Bergen")
    parts = "".join(f"--b\nContent-Type: text/html\n\n{page}\n" for page in pages)
    archive = f"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n{parts}--b--\n"
    assert read("a.mht", archive).text == "Oslo\n\nBergen"


def test_the_frames_of_a_saved_page_are_read_and_not_its_other_parts() -> None:
    pages = {"0@x": "<p>Oslo</p><iframe src='cid:1@x'></iframe>", "1@x": "<p>Bergen", "2@x": "<p>Lost"}
    parts = "".join(
        f"--b\nContent-Type: text/html\nContent-ID: <{name}>\n\n{page}\n" for name, page in pages.items()
    )
    archive = f"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n{parts}--b--\n"
    assert read("a.mhtml", archive).text == "Oslo\n\nBergen"


def test_every_message_of_a_mailbox_is_a_part() -> None:
    box = (
        "From a@b Mon Jan  1 00:00:00 2024\nSubject: One\n\nx\n\n"
        "From c Tue Jan  2 00:00:00 2024\nSubject: Two\n\n>From y\n"
    )
    chunks = split(read("a.mbox", box))
    assert [(chunk.part, chunk.heading) for chunk in chunks] == [
        (Part("message", 1), "One"),
        (Part("message", 2), "Two"),
    ]
    assert chunks[1].text.endswith("\n\nFrom y")


def test_a_line_that_begins_like_the_line_before_a_message_is_text() -> None:
    box = "From a@b Mon Jan  1 00:00:00 2024\nSubject: One\n\nFrom 8 June we weigh 2024 grams\n"
    assert read("a.mbox", box).text == "One\n\nFrom 8 June we weigh 2024 grams"


def test_every_cell_of_a_notebook_is_a_part() -> None:
    chunks = split(read("a.ipynb", json.dumps(NOTEBOOK)))
    assert [chunk.part for chunk in chunks] == [Part("cell", 1), Part("cell", 2)]


def test_the_places_of_a_source_map_are_left_out() -> None:
    places = "AAAA,GAAK;CAAC,EAAU;" * 20
    source_map = {"version": 3, "sources": ["a.ts"], "mappings": places, "names": ["rows"]}
    read_words = read("a.js.map", json.dumps(source_map)).text.split()
    assert read_words == ["version:", "3", "sources:", "a.ts", "names:", "rows"]


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.json", "a.html"])
def test_embedded_files_are_left_out_and_long_words_are_not(name: str) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 400
    path = "/usr/share/" + "/".join(["folder"] * 60)
    said = (
        json.dumps([picture, path, "before after"]) if name == "a.json" else f"{picture} {path} before after"
    )
    text = read(name, said).text
    assert "iVBOR" not in text
    assert path in text
    assert "before after" in text


HOSTILE = {
    "deep json": ("a.json", "[" * 100_000),
    "deep xml": ("a.xml", "<a>" * 5_000),
    "deep yaml": ("a.yaml", "[" * 10_000),
    "laughs": (
        "a.xml",
        "<!DOCTYPE a [<!ENTITY l0 'lol'>"
        + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
        + "]><a>&l9;</a>",
    ),
    "external entity": ("a.xml", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;safe</a>"),
}


def safari_archive(*frames: dict[str, Any]) -> dict[str, Any]:
    page = "<html><head><title>Rules</title></head><body><h1>Ruhe</h1><p>Ab zehn für alle.</p></body></html>"
    main = {"WebResourceData": page.encode("cp1252"), "WebResourceTextEncodingName": "windows-1252"}
    return {"WebMainResource": main, "WebSubframeArchives": list(frames)}


@pytest.mark.parametrize("kind", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_a_web_archive_of_safari_is_read_with_its_frames(kind: plistlib.PlistFormat) -> None:
    document = read("a.webarchive", plistlib.dumps(safari_archive(safari_archive()), fmt=kind))
    assert document.title == "Rules"
    assert document.text == "\n\n".join(["Ruhe", "Ab zehn für alle."] * 2)


def test_a_damaged_web_archive_is_called_damaged_and_a_text_about_one_is_a_text() -> None:
    data = plistlib.dumps(safari_archive(), fmt=plistlib.FMT_BINARY)
    with pytest.raises(ExtractionFailed, match="The web archive is damaged"):
        read("a.webarchive", data[:-40])
    assert (
        read("a.txt", "The key WebMainResource holds a page.").text == "The key WebMainResource holds a page."
    )


def test_of_a_web_archive_of_very_many_frames_the_first_are_read() -> None:
    frames = [safari_archive(*(safari_archive() for _ in range(60))) for _ in range(60)]
    data = plistlib.dumps(safari_archive(*frames), fmt=plistlib.FMT_BINARY)
    assert len(read("a.webarchive", data).blocks) == 2 * 100


def test_a_compressed_diagram_is_refused_with_how_to_save_it() -> None:
    pages = "<diagram name='Quay'><mxGraphModel/></diagram><diagram name='Pier'>7VZLc5swEP41</diagram>"
    with pytest.raises(ExtractionFailed, match="without Compressed"):
        read("a.drawio", f"<mxfile>{pages}</mxfile>")


def test_the_text_of_a_fiction_book_is_found_without_its_pictures() -> None:
    verse = "<subtitle><style name='b'>Night</style></subtitle><p>Lamps.</p>"
    section = (
        "<section><title><p>Quay</p></title><p>Nine <style name='b'>ships</style> lay here.</p>"
        f"{verse}</section>"
    )
    picture = f"<binary id='a' content-type='image/png'>{b64encode(bytes(range(256)) * 50).decode()}</binary>"
    told = f"<?xml version='1.0'?><FictionBook><body>{section}</body>{picture}</FictionBook>"
    text = read("a.fb2", told).text
    assert "Quay" in text
    assert "Night" in text
    assert {"Nine ships lay here.", "Lamps."} < set(text.splitlines())
    assert len(text) < len(section)


@pytest.mark.parametrize(("name", "content"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_structure_is_small_text_or_an_honest_failure(name: str, content: str) -> None:
    try:
        text = read(name, content).text
    except ExtractionFailed as failure:
        text = failure.message
    assert len(text) < 200_000
    assert "root:" not in text


def test_an_outlook_message_needs_its_extra_and_says_so_by_its_name_alone() -> None:
    without = replace(readable_formats(), extras=frozenset())
    refusal = without.refusal_of_name("folder/a.msg")
    assert refusal is not None
    assert "is an Outlook message" in refusal.message
    assert "calypso-mcp[outlook]" in refusal.hint


@pytest.mark.parametrize("name", ["a.txt", "a.eml", "a.csv", "Makefile"])
def test_a_name_alone_tells_that_a_file_is_quick_to_read(name: str) -> None:
    assert is_quick_by_name(name, "")


def _workbook(rows: str) -> str:
    start, end = EXCEL_2003.index("<Row>"), EXCEL_2003.index("</Table>")
    return EXCEL_2003[:start] + rows + EXCEL_2003[end:]


@pytest.mark.parametrize("number", ["abc", "-5", "2²", "9" * 5_000, "99999999999", ""])
def test_a_row_whose_number_is_none_follows_the_one_before(number: str) -> None:
    cell = f'<Cell ss:Index="{number}" ss:MergeAcross="{number}"><Data>Ninety euros</Data></Cell>'
    [_, table] = read("a.xml", _workbook(f'<Row ss:Index="{number}">{cell}</Row>')).blocks
    assert (table.text, table.line_start) == ("Ninety euros", 1)


def test_cells_that_take_no_room_in_the_file_do_not_fill_memory() -> None:
    cell = '<Cell ss:MergeAcross="9999"/>'
    far = '<Row><Cell ss:Index="16384"/></Row>' * 700
    merged = f"<Row>{cell * 2_000}</Row>"
    with pytest.raises(ExtractionFailed, match="too many cells"):
        read("a.xml", _workbook(far))
    assert read("a.xml", _workbook(merged)).text == "Rates"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xml", "<?xml {}"),
        ("a.xml", "<?xml {}?><p>Rent</p>"),
        ("a.xml", "<r><p>Rent</p><!--{}--></r>"),
        ("a.xml", "<r><p>Rent</p><?pi {}?></r>"),
        ("a.xml", "<r><p>Rent</p><p b='{}'/></r>"),
        ("a.vcf", "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:Rent {}" + "=\n" * 20_000),
    ],
    ids=["open declaration", "declaration", "comment", "instruction", "attribute", "card"],
)
def test_what_is_very_long_takes_linear_time(name: str, content: str) -> None:
    started = process_time()
    read(name, content.replace("{}", "x" * 4_000_000))
    assert process_time() - started < 5


@pytest.mark.parametrize(
    "content",
    ["|" + "x" * 20_000 + "|\n|-|\n" + "|\n" * 5_000, "# " + "x" * 20_000 + "\n## y\n" * 5_000],
    ids=["names of columns", "headings"],
)
def test_nothing_long_is_repeated_with_each_row_or_section(content: str) -> None:
    """400 KB of Markdown once took all memory of the server."""
    document = read("a.md", content)
    outlines = (stretch for chunk in split(document) for stretch in chunk.outline)
    assert len(document.text) < 2 * len(content)
    assert sum(len(stretch.heading) for stretch in outlines) < 100 * len(content)


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.yaml", "k: 1\na: |\n" + "  x\n" * 20_000 + "z: 2\n", (2, 20_002)),
        ("a.json", json.dumps({"a": "x\n" * 20_000, "b": ["y"] * 2_000}, indent=1), (2, 2)),
    ],
)
def test_a_value_of_very_many_lines_has_its_place_once(
    name: str, content: str, lines: tuple[int, int]
) -> None:
    """It was kept for each of them: three megabytes took 200 MB of the process that serves everybody."""
    document = read(name, content)
    assert sum(len(block.row_lines) for block in document.blocks) < 5_000
    inside = [chunk for chunk in split(document) if chunk.text.count("x\n") > 300][1:-1]
    assert {(chunk.line_start, chunk.line_end) for chunk in inside} == {lines}
    assert max(len(chunk.outline) for chunk in inside) <= 1
