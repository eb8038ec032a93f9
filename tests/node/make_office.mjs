// Files by the libraries that people use most in JavaScript: node make_office.mjs FOLDER WORDS

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import epub from "epub-gen-memory";
import MailComposer from "nodemailer/lib/mail-composer/index.js";
import { Email } from "@tutao/oxmsg";
import * as XLSX from "xlsx";
import { Document, HeadingLevel, Packer, Paragraph } from "docx";
import ExcelJS from "exceljs";
import PptxGenJS from "pptxgenjs";

const folder = process.argv[2];
const { sections, sentences } = JSON.parse(process.argv[3]);
const pairs = sections.map((title, index) => [title, sentences[index]]);

const children = pairs.flatMap(([title, sentence]) => [
  new Paragraph({ text: title, heading: HeadingLevel.HEADING_1 }),
  new Paragraph(sentence),
]);
const text = new Document({ sections: [{ children }] });
await writeFile(join(folder, "docx-js.docx"), await Packer.toBuffer(text));

const book = new ExcelJS.Workbook();
const sheet = book.addWorksheet("Rules 2026");
sheet.addRow(["section", "rule"]);
for (const pair of pairs) sheet.addRow(pair);
await book.xlsx.writeFile(join(folder, "ExcelJS.xlsx"));

const deck = new PptxGenJS();
for (const [title, sentence] of pairs) deck.addSlide().addText(`${title}: ${sentence}`, { x: 1, y: 1, w: 6, h: 1 });
await deck.writeFile({ fileName: join(folder, "PptxGenJS.pptx") });

const rows = XLSX.utils.aoa_to_sheet([["section", "rule"], ...pairs]);
const sheets = XLSX.utils.book_new();
XLSX.utils.book_append_sheet(sheets, rows, "Rules 2026");
const kinds = { "xls": "biff8", "2003.xls": "xlml", "ods": "ods", "xlsx": "xlsx", "csv": "csv", "rtf": "rtf", "xlsb": "xlsb" };
for (const [ending, kind] of Object.entries(kinds)) {
  await writeFile(join(folder, `SheetJS.${ending}`), XLSX.write(sheets, { type: "buffer", bookType: kind }));
}

const chapters = pairs.map(([title, sentence]) => ({ title, content: `<p>${sentence}</p>` }));
const bind = epub.default ?? epub;
await writeFile(join(folder, "epub-gen.epub"), await bind({ title: "Rules", author: "Anna", verbose: false }, chapters));

const lines = pairs.flat().join("\n\n");
const letter = { from: "Jörg Müller <a@example.com>", to: "b@example.com", subject: sections[3], text: lines };
await writeFile(join(folder, "nodemailer.eml"), await new MailComposer(letter).compile().build());

const message = new Email(false, false).subject(sections[3]).bodyText(lines.replaceAll("\n", "\r\n"));
await writeFile(join(folder, "oxmsg.msg"), message.sender("a@example.com", "Jörg").to("b@example.com", "Anna").msg());
