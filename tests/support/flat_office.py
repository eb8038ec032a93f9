"""Office files that are one document of XML, as their programs write them."""

# ruff: noqa: E501  the content of a file stays on the lines it has there

from __future__ import annotations

import re
from io import BytesIO
from zipfile import ZipFile

import docx

EXCEL_2003 = """<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Styles><Style ss:ID="s1"><Font ss:Size="11"/></Style></Styles>
<Worksheet ss:Name="Rates"><Table><Row><Cell ss:StyleID="s1"><Data ss:Type="String">lane</Data></Cell>
<Cell ss:Index="3"><Data ss:Type="String">days</Data></Cell><Cell><Data ss:Type="String">note</Data></Cell></Row>
<Row ss:Index="5"><Cell><Data ss:Type="String">Oslo</Data><Comment><ss:Data>Ask <B>Anna</B>.</ss:Data></Comment></Cell>
<Cell ss:Index="3"><Data ss:Type="Number">3</Data></Cell><Cell><Data ss:Type="String">slow</Data></Cell></Row>
</Table></Worksheet></Workbook>"""
_WORD_2003_PARTS = {
    "note": "<w:footnote><w:p><w:r><w:t>See below.</w:t></w:r></w:p></w:footnote>",
    "comment": '<aml:annotation w:type="Word.Comment"><aml:content><w:p><w:r><w:t>Ask Anna.</w:t></w:r></w:p>'
    "</aml:content></aml:annotation>",
    "added": '<aml:annotation w:type="Word.Insertion"><aml:content><w:r><w:t> and a fee</w:t></w:r></aml:content>'
    "</aml:annotation>",
    "header": "<w:hdr w:type='odd'><w:p><w:r><w:t>Manual</w:t></w:r></w:p></w:hdr>",
}
WORD_2003 = """<?xml version="1.0"?><?mso-application progid="Word.Document"?>
<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" xmlns:aml="urn:aml"><w:styles/>
<w:body><w:p><w:hlink w:dest="x"><w:r><w:t>Ninety euros</w:t></w:r></w:hlink><w:r>{note}</w:r>{added}<w:r>{comment}</w:r>
</w:p><w:sectPr>{header}</w:sectPr></w:body></w:wordDocument>""".format_map(_WORD_2003_PARTS)


def flat_opc() -> str:
    """Return a document as Word writes it where people choose "XML document"."""
    target = BytesIO()
    document = docx.Document()
    document.add_paragraph("Ninety euros")
    document.save(target)
    with ZipFile(target) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    types = dict(
        re.findall(r'PartName="([^"]+)" ContentType="([^"]+)"', parts.pop("[Content_Types].xml").decode())
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    return "".join(
        (
            "<?xml version='1.0'?><pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'>",
            *(
                f'<pkg:part pkg:name="/{name}" pkg:contentType="{types.get(f"/{name}", relations)}"><pkg:xmlData>'
                f"{content.decode().partition('?>')[2]}</pkg:xmlData></pkg:part>"
                for name, content in parts.items()
                if name.endswith((".xml", ".rels"))
            ),
            "</pkg:package>",
        )
    )
