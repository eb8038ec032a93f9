// The view in a chat: what a tool of ours returned, kept up to date, and a search beside it.
import { addressOf } from "../static/shared/addresses.js";
import { bucketCard } from "../static/shared/cards.js";
import { el, show } from "../static/shared/dom.js";
import { hitList } from "../static/shared/hits.js";
import { marked } from "../static/shared/marks.js";
import { bucketOf, hitOf } from "../static/shared/tool_results.js";
import { counted, numberInWords } from "../static/shared/words.js";
import { keep } from "../static/lists.js";
import { factsOf, host } from "./host.js";
import { Live } from "./live.js";
import { standingNodes, standingOf, standingOfBatch, standingOfUpload, stateOfStanding, together } from "./standings.js";
import { follow } from "./surroundings.js";

const MOST_HITS = 8;
const MOST_CARDS = 100;
const AROUND_CHARS = 2000;
// From here on the document runs and loads nothing more, whatever the host would allow it.
document.head.append(el("meta", { "http-equiv": "Content-Security-Policy", content: "default-src 'none'; base-uri 'none'; form-action 'none'" }));

const main = document.querySelector("main");
const { tools: offered, page: pageAddress } = main.dataset;
const can = new Set(offered.split(" "));
const status = document.querySelector("#status");
const title = main.querySelector("h1");
const state = el("span", { class: "state", hidden: true });
const links = el("div", { class: "buttons" });
const body = el("section", { "aria-label": "State" });
const box = el("div", { role: "search", class: "inline", hidden: true });
const found = el("section", { "aria-label": "Hits" });
show(main, el("div", { class: "view-head" }, title, state, links), body, box, found);

const live = new Live((error) => say(error.message));
const chat = host({
  "tool-input": ({ arguments: given }) => begin(given ?? {}),
  "tool-result": (result) => attempt(() => take(result)),
  "tool-cancelled": () => { live.stop(); head(title.textContent, { word: "cancelled", tone: "still" }); },
  "host-context-changed": (changed) => { Object.assign(context, changed); follow(changed); drawLinks(); },
  "resource-teardown": () => live.stop(),
});
/** @type {any} */
let context = {};
let call = { name: "", given: {}, bucket: "" };

/** Tell a person something in the one live region; `isSeen` is false where the view shows it anyway. */
function say(text, { isSeen = true } = {}) {
  status.textContent = text;
  status.classList.toggle("unseen", !isSeen || !text);
}

/** Do something, and say what it returns as words or what went wrong. */
async function attempt(work) {
  try {
    const told = await work();
    say(typeof told === "string" ? told : "", { isSeen: false });
  } catch (error) {
    say(error.message);
  }
}

function head(text, { word = "", tone = "still" } = {}) {
  title.textContent = text;
  state.hidden = !word;
  state.textContent = word;
  state.dataset.tone = tone;
}

function drawLinks() {
  const bucket = call.bucket ? `#/b/${encodeURIComponent(call.bucket)}` : "#/";
  const canAdd = can.has("upload_file") || can.has("upload_batch");
  const canGrow = context.availableDisplayModes?.includes("fullscreen") && context.displayMode !== "fullscreen";
  show(links,
    pageAddress && el("button", { onClick: () => attempt(() => chat.openLink(pageAddress + bucket)) }, canAdd ? "Add files \u2197" : "Open page \u2197"),
    canGrow && el("button", { onClick: () => attempt(() => chat.grow()) }, "Enlarge"));
}

// ---- What the tool was asked, and what it returned

function begin(given) {
  call = { name: context.toolInfo?.tool?.name ?? "", given, bucket: typeof given.bucket === "string" ? given.bucket : "" };
  drawLinks();
  if (given.query && !/list/.test(call.name)) head(`Searching for \u201c${given.query}\u201d`);
  else if (call.bucket) {
    head(call.bucket, { word: "at work", tone: "wait" });
    // The tool may take minutes: meanwhile, how much of its bucket is searchable.
    if (can.has("wait_for_bucket_sync")) live.start(() => lookAt([{ bucket: call.bucket }], { noun: "source" }));
  }
}

async function take(result) {
  live.stop();
  let facts;
  try {
    facts = factsOf(result);
  } catch (error) {
    head("This did not work", { word: "failed", tone: "bad" });
    show(body, el("p", { class: "notice", data: { tone: "bad" } }, error.message));
    return;
  }
  if (facts.buckets) drawBuckets(facts);
  else if (facts.hits) drawSearch(facts);
  else drawStanding(facts);
  drawLinks();
}

// ---- Buckets

function drawBuckets(facts) {
  const cards = el("ul", { class: "cards" });
  const more = el("p", { class: "small muted" });
  const draw = ({ buckets, total }) => {
    const named = buckets.map((bucket) => bucketOf(bucket));
    const pending = named.filter((bucket) => bucket.pending).length;
    head(counted(total, "bucket"), pending ? { word: `${counted(pending, "bucket")} indexing`, tone: "wait" } : {});
    keep(cards, named, ({ id }) => id, (bucket) => el("li", {}, bucketCard(bucket)));
    more.textContent = total > named.length ? `${named.length} of ${numberInWords(total)} are shown.` : "";
    return pending > 0;
  };
  show(body, cards, more);
  draw(facts);
  drawBox([], facts.buckets.map(({ slug, name }) => [name || slug, [slug]]));
  const given = { ...call.given, limit: Math.min(MOST_CARDS, Math.max(facts.buckets.length, 20)) };
  if (can.has("list_buckets")) live.start(async () => draw(await chat.call("list_buckets", given)));
}

// ---- Uploads and waiting

function drawStanding(facts) {
  const isBatch = Boolean(facts.counts);
  const isUpload = Boolean(facts.outcome);
  call.bucket = facts.bucket ?? call.bucket;
  const names = isUpload ? facts.filename : call.bucket;
  const first = isBatch ? standingOfBatch(facts) : isUpload ? standingOfUpload(facts) : standingOf(facts);
  const isWhole = !isUpload && Boolean(facts.call_again?.bucket ?? call.given.bucket) && !isBatch;
  const options = { noun: isWhole ? "source" : "file", name: names || "Upload" };
  drawFiles(first, options);
  if (call.bucket) drawBox([call.bucket], [[call.bucket, [call.bucket]]]);
  const waits = facts.call_again ? [facts.call_again] : isUpload && facts.file_id ? [{ file_ids: [facts.file_id] }] : (facts.batch_ids ?? []).map((id) => ({ batch_id: id }));
  if (first.pending && waits.length && can.has("wait_for_bucket_sync")) live.start(() => lookAt(waits, { ...options, left: isBatch ? first.rows.filter(({ tone }) => tone !== "wait") : [] }));
}

function drawFiles(standing, { noun, name }) {
  if (name) head(name, stateOfStanding(standing));
  show(body, standingNodes(standing, { noun, name }));
}

/** Look at what is waited for; returns whether any of it is pending. `left` are rows that stay. */
async function lookAt(waits, { left = [], noun, name = "" }) {
  const standings = await Promise.all(waits.map(async (wait) => standingOf(await chat.call("wait_for_bucket_sync", { ...wait, timeout_s: 0 }))));
  const standing = together([...standings, { rows: left }]);
  drawFiles(standing, { noun, name });
  if (!standing.pending) live.stop();
  return standing.pending > 0;
}

// ---- Searching

function drawSearch(facts) {
  const { query = "", bucket, buckets = [] } = call.given;
  const asked = bucket ? [bucket] : buckets;
  head(`\u201c${query}\u201d`);
  drawBox(asked, asked.length ? [[asked.join(", "), asked]] : [], query);
  drawHits(facts, query);
}

/** Offer a search; `choices` are [label, bucket names] beside all buckets. */
function drawBox(chosen, choices, query = "") {
  if (!can.has("search_bucket")) return;
  const held = JSON.stringify(chosen);
  const words = el("input", { type: "search", "aria-label": "Search words", placeholder: "Words or a question", value: query });
  const where = el("select", { "aria-label": "Buckets" },
    el("option", { value: "[]" }, "All buckets"),
    choices.map(([label, names]) => el("option", { value: JSON.stringify(names), selected: JSON.stringify(names) === held }, label)));
  const search = () => attempt(() => searchFor(words.value.trim(), JSON.parse(where.value)));
  // No form: a host's sandbox need not let one be sent.
  words.addEventListener("keydown", (event) => { if (event.key === "Enter") search(); });
  show(box, words, where, el("button", { class: "main", onClick: search }, "Search"));
  box.hidden = false;
}

async function searchFor(query, buckets) {
  if (!query) return "";
  found.setAttribute("aria-busy", "true");
  try {
    return drawHits(await chat.call("search_bucket", { query, max_results: MOST_HITS, ...(buckets.length && { buckets }) }), query);
  } finally {
    found.setAttribute("aria-busy", "false");
  }
}

/** Draw what a search found; returns that in short. */
function drawHits(facts, question) {
  const hits = facts.hits.map(hitOf);
  const told = hits.length ? counted(hits.length, "hit") : "Nothing found";
  const unready = Object.entries(facts.incomplete ?? {});
  show(found,
    el("h2", {}, told),
    facts.absent_words?.length > 0 && el("p", { class: "small muted" }, `Nowhere in these buckets: ${facts.absent_words.join(", ")}`),
    unready.map(([slug, count]) => el("p", { class: "notice", data: { tone: "wait" } }, `${counted(count, "source")} of ${slug} not searchable yet`)),
    hitList(hits, question, { hrefOf: hrefOf(question), footOf: (hit) => footOf(hit, question) }));
  return told;
}

const hrefOf = (question) => (hit) => (pageAddress && hit.fileId ? pageAddress + addressOf(hit.fileId, hit.place, question) : undefined);

/** Return a button that shows what stands around a hit. */
function footOf(hit, question) {
  if (!hit.fileId || !can.has("read_source")) return undefined;
  const around = el("div", { class: "around" });
  const button = el("button", { class: "quiet", "aria-expanded": "false", onClick: () => attempt(async () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    if (isOpen) around.replaceChildren();
    else {
      const read = await chat.call("read_source", { file_id: hit.fileId, max_chars: AROUND_CHARS, ...(hit.place && { start: hit.place }) });
      show(around, (read.passages ?? []).map(({ place, text }) => [place && el("p", { class: "small muted" }, place), el("p", {}, marked(text, question))]));
    }
    button.setAttribute("aria-expanded", String(!isOpen));
  }) }, "Read on");
  return el("div", {}, button, around);
}

// Links lead out of the sandbox, so the host has to open them.
main.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement} */ (/** @type {Element} */ (event.target).closest("a[href]"));
  if (!link) return;
  event.preventDefault();
  attempt(() => chat.openLink(link.href));
});
new ResizeObserver(() => chat.resize(Math.ceil(document.body.getBoundingClientRect().height))).observe(document.body);
chat.open().then((answer) => {
  context = { ...answer.hostContext, ...context };
  follow(context);
  drawLinks();
});
