// What a search found: each passage with its words marked and its place.
import { el } from "./dom.js";
import { excerpt, marked, reflowed } from "./marks.js";
import { placeInWords } from "./words.js";

/** @template T @typedef {(hit: any) => T | undefined} Of */

/**
 * Return the list of hits.
 *
 * hits: [{title, filename, text, place, score, url}]; `hrefOf(hit)` says where a title leads, if anywhere, and
 * `footOf(hit)` what stands below a passage.
 */
export function hitList(hits, question, { hrefOf = /** @type {Of<string>} */ (() => undefined), footOf = /** @type {Of<Element>} */ (() => undefined), heading = "h3" } = {}) {
  return el("ol", { class: "hits" }, hits.map((hit) => el("li", {}, hitItem(hit, question, { href: hrefOf(hit), foot: footOf(hit), heading }))));
}

function hitItem(hit, question, { href, foot, heading }) {
  const title = hit.title || hit.filename || "Untitled source";
  const place = placeInWords(hit.place);
  return el("article", { class: "hit" },
    el(heading, { dir: "auto" }, href ? el("a", { href }, title) : title),
    el("ul", { class: "facts" },
      hit.filename && hit.filename !== title && el("li", {}, hit.filename),
      place && el("li", {}, place),
      hit.score !== undefined && hit.score !== null && el("li", { class: "number" }, `score ${Number(hit.score).toFixed(2)}`)),
    el("p", { dir: "auto", class: "excerpt" }, marked(excerpt(reflowed(hit.text ?? "", hit.filename), question), question)),
    foot);
}
