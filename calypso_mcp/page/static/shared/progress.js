// How far each upload is, and all of them together.
import { el } from "./dom.js";
import { sizeInWords } from "./words.js";

/**
 * Return the row of one upload.
 *
 * upload: {name, sent, size, word, tone}; sizes in bytes. `word` replaces the sizes where there is more to say.
 */
export function progressRow(upload) {
  const word = upload.word ?? `${sizeInWords(upload.sent)} of ${sizeInWords(upload.size)}`;
  return el("li", { class: "progress-row" },
    el("span", {}, upload.name),
    el("span", { class: "state", data: { tone: upload.tone ?? "wait" } }, word),
    upload.tone === undefined && el("progress", { class: "bar", max: Math.max(upload.size, 1), value: upload.sent, "aria-label": `Bytes sent of ${upload.name}` }));
}
