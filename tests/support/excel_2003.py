"""A workbook of Excel 2003 that is one document of XML."""

# ruff: noqa: E501  the content of a file stays on the lines it has there

EXCEL_2003 = """<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Styles><Style ss:ID="s1"><Font ss:Size="11"/></Style></Styles>
<Worksheet ss:Name="Rates"><Table><Row><Cell ss:StyleID="s1"><Data ss:Type="String">lane</Data></Cell>
<Cell ss:Index="3"><Data ss:Type="String">days</Data></Cell><Cell><Data ss:Type="String">note</Data></Cell></Row>
<Row ss:Index="5"><Cell><Data ss:Type="String">Oslo</Data><Comment><ss:Data>Ask <B>Anna</B>.</ss:Data></Comment></Cell>
<Cell ss:Index="3"><Data ss:Type="Number">3</Data></Cell><Cell><Data ss:Type="String">slow</Data></Cell></Row>
</Table></Worksheet></Workbook>"""
