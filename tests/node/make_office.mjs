// Office files by the libraries that people use most in JavaScript: node make_office.mjs FOLDER

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
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
