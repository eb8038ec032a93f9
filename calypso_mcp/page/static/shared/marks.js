// Marking the words of a question in a passage.
import { el } from "./dom.js";

const STEM_CHARS = 4;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const COMMON = new Set("a an and are as at be by can do does for from how i in is it my of on or that the this to was what when where which who why will with you your".split(" "));

/** Return `text` as nodes, with each word that the question asks for in a `<mark>`. */
export function marked(text, question) {
  const asked = wordsOf(question);
  if (!asked.length) return [text];
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(WORD)) {
    const word = match[0].toLowerCase();
    if (!asked.some((sought) => isSame(sought, word))) continue;
    if (match.index > end) nodes.push(text.slice(end, match.index));
    nodes.push(el("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.push(text.slice(end));
  return nodes;
}

/** Return text without the line breaks inside of its paragraphs, where its file's name says that they mean nothing. */
export function reflowed(text, filename = "") {
  if (!/\.(md|markdown|rst|pdf)$/i.test(filename ?? "")) return text;
  return text.replace(/(?<=[^\n|]{50})\n(?=[\p{L}\p{N}("\u201c])(?!\d+[.)] )/gu, " ");
}

/** Return the part of `whole`, at most `chars` long and without empty lines, that begins shortly before the first word asked for. */
export function excerpt(whole, question, chars = 420) {
  const text = whole.replace(/\s*\n\s*/g, "\n").trim();
  if (text.length <= chars) return text;
  const asked = wordsOf(question);
  const first = [...text.matchAll(WORD)].find(({ 0: word }) => asked.some((sought) => isSame(sought, word.toLowerCase())));
  let start = Math.max(0, Math.min((first?.index ?? 0) - 90, text.length - chars));
  if (start) start = text.indexOf(" ", start) + 1 || start;
  const part = text.slice(start, start + chars).trim();
  return `${start ? "\u2026 " : ""}${part}${start + chars < text.length ? " \u2026" : ""}`;
}

function wordsOf(question) {
  const words = (question ?? "").toLowerCase().match(WORD) ?? [];
  return [...new Set(words.filter((word) => !COMMON.has(word)))].slice(0, 64);
}

// Two forms of a word share their beginning: "return" and "returned".
function isSame(asked, word) {
  if (asked === word) return true;
  const [shorter, longer] = asked.length < word.length ? [asked, word] : [word, asked];
  return shorter.length >= STEM_CHARS && longer.startsWith(shorter) && longer.length - shorter.length <= 3;
}
