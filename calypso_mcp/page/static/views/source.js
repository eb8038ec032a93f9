// One source: what it is, and its text passage by passage with the place of each.
import { Refused } from "../api.js";
import { question as ask } from "../dialogs.js";
import { partOf, placeOfWords } from "../shared/addresses.js";
import { el, show } from "../shared/dom.js";
import { marked, reflowed } from "../shared/marks.js";
import { ago, placeInWords, sizeInWords, stateOf } from "../shared/words.js";
import { editTags, removeSources } from "./adding.js";

const BEFORE = 8;

export async function draw(page) {
  const { api, query } = page;
  if (!api.can.read) throw new Refused(404, "not_offered", "This server does not show the text of sources.");
  const source = await api.source(page.argument, page.signal);
  const name = source.title || source.name;
  page.title(name);
  const homes = (await api.buckets(page.signal)).filter(({ id }) => source.bucketIds.includes(id));
  const facts = el("div", { class: "stack" });
  const text = el("div", { class: "passages" });
  const earlier = el("button", { hidden: true }, "Show earlier text");
  const later = el("button", { hidden: true }, "Show more text");
  show(page.main,
    el("ul", { class: "facts" }, el("li", {}, el("a", { href: "#/" }, "Buckets")),
      homes.map(({ slug, name: home }) => el("li", {}, el("a", { href: `#/b/${encodeURIComponent(slug)}` }, home)))),
    el("h1", { tabindex: -1, dir: "auto" }, name), facts,
    el("section", { class: "panel", "aria-label": "Text" }, el("div", { class: "more" }, earlier), text, el("div", { class: "more" }, later)));
  drawFacts(page, source, homes[0], facts);
  if (source.status === "failed") {
    show(text, el("p", { class: "muted" }, "This source has no searchable text."));
    return;
  }
  const wanted = placeOf(query);
  const question = query.get("q") ?? "";
  const add = (passages, isBefore) => {
    const sheets = inSheets(passages, (passage) => passageNode({ ...passage, text: reflowed(passage.text, source.filename) }, question, isMeant(passage.place, wanted)));
    const nodes = sheets.map(({ number, nodes: inside }) => (number && api.can.pictures && isPdf(source) ? sheetNode(page, source.id, number, inside) : inside)).flat();
    if (isBefore) text.prepend(...nodes);
    else text.append(...nodes);
  };
  const begin = await api.text(source.id, wanted ?? {}, page.signal);
  if (!begin.passages.length) show(text, el("p", { class: "muted" }, "No text yet: the text appears once the source is indexed."));
  let first = begin.passages[0]?.index ?? 0;
  let { next } = begin;
  add(begin.passages, false);
  const drawMore = () => { earlier.hidden = !first; later.hidden = next === null || next === undefined; };
  earlier.onclick = () => page.attempt(async () => {
    const from = Math.max(0, first - BEFORE);
    const found = await api.text(source.id, { passage: from }, page.signal);
    add(found.passages.filter(({ index }) => index < first), true);
    first = from;
    drawMore();
  });
  later.onclick = () => page.attempt(async () => {
    const found = await api.text(source.id, { passage: next }, page.signal);
    const end = next;
    add(found.passages.filter(({ index }) => index >= end), false);
    next = found.next;
    drawMore();
  });
  drawMore();
  const meant = text.querySelector("[aria-current]");
  if (!meant) return;
  if (meant.getBoundingClientRect().bottom > innerHeight) meant.scrollIntoView();
  meant.focus({ preventScroll: true });
}

const isPdf = ({ filename = "" }) => /\.pdf$/i.test(filename ?? "");

/** Return passages as nodes by the page that they stand on: [{number, nodes}]; `number` is undefined without pages. */
function inSheets(passages, draw) {
  const sheets = [];
  for (const passage of passages) {
    const number = numberOfPage(passage.place);
    if (!sheets.length || sheets.at(-1).number !== number) sheets.push({ number, nodes: [] });
    sheets.at(-1).nodes.push(draw(passage));
  }
  return sheets;
}

const numberOfPage = (place) => (typeof place === "string" ? /\bpage (\d{1,6})\b/.exec(place)?.[1] : place.page);

/** Return a page: its passages, and what it looks like beside them. */
function sheetNode(page, fileId, number, passages) {
  const url = page.api.pictureUrl(fileId, number);
  const look = () => ask(`Page ${number}`, el("img", { src: url, alt: `Page ${number} as it looks` }), { yes: "Close", no: "", isWide: true });
  const picture = el("button", { class: "picture", "aria-label": `Enlarge page ${number}`, onClick: look },
    // Pages that cannot be drawn have their text only.
    el("img", { src: url, alt: "", loading: "lazy", onError: () => picture.remove() }));
  return el("div", { class: "sheet" }, el("div", {}, passages), picture);
}

function placeOf(query) {
  if (query.get("at")) return { at: query.get("at"), ...placeOfWords(query.get("at")) };
  const line = query.get("line") ?? undefined;
  const part = query.get("part") ?? undefined;
  const section = query.get("sheet") ?? undefined;
  return line || part || section ? { line, part, section } : null;
}

function isMeant(place, wanted) {
  if (!wanted || typeof place === "string") return wanted?.at === place;
  const part = partOf(place);
  return String(place.line_start ?? place.row_start ?? "") === (wanted.line ?? "") && String(part ?? "") === (wanted.part ?? "") && place.sheet === wanted.section;
}

function passageNode(passage, question, isWanted) {
  return el("article", { class: "passage", tabindex: isWanted ? -1 : null, "aria-current": isWanted ? "true" : null },
    el("p", { class: "place" }, placeInWords(typeof passage.place === "string" ? passage.place : { ...passage.place, heading: undefined }) || `passage ${passage.index + 1}`),
    el("div", { class: "words" }, !startsWithHeading(passage) && el("p", { class: "small muted" }, passage.place.heading), el("p", { dir: "auto" }, marked(passage.text, question))));
}

function startsWithHeading({ text, place }) {
  return !place.heading || place.heading.split(" > ").some((heading) => text.trimStart().startsWith(heading));
}

function drawFacts(page, source, home, node) {
  const state = stateOf(source);
  const { can } = page.api;
  const again = async () => drawFacts(page, await page.api.source(source.id, page.signal), home, node);
  const leave = async () => { if (await removeSources(page, [source])) location.hash = home ? `#/b/${encodeURIComponent(home.slug)}` : "#/"; };
  show(node,
    el("ul", { class: "facts" },
      el("li", {}, el("span", { class: "state", data: { tone: state.tone } }, state.word)),
      source.name !== source.title && source.title && el("li", {}, el("bdi", {}, source.name)),
      source.size !== undefined && el("li", { class: "number" }, sizeInWords(source.size)), source.updated && el("li", {}, `updated ${ago(source.updated)}`),
      source.tags.map((tag) => el("li", {}, el("span", { class: "tag" }, tag)))),
    source.error && el("p", { class: "notice", data: { tone: "bad" } }, source.error),
    source.warnings.map((warning) => el("p", { class: "notice", data: { tone: "wait" } }, warning)),
    el("div", { class: "buttons" },
      can.download && el("a", { class: "button", href: page.api.contentUrl(source.id), download: source.filename }, "Download original"),
      can.relabel && el("button", { onClick: async () => { if (await editTags(page, [source])) await page.attempt(again); } }, "Edit tags"),
      can.remove && el("button", { class: "danger", onClick: leave }, "Remove")));
}

