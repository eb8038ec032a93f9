// One bucket: how ready it is, what is being sent, and its sources.
import { Refused } from "../api.js";
import { acceptDrops, isSending, pickers, uploadsPanel } from "../sending.js";
import { readiness } from "../shared/cards.js";
import { el, show } from "../shared/dom.js";
import { readinessOf } from "../shared/words.js";
import { addQa, addWebsite } from "./adding.js";
import { SourceTable } from "./source_table.js";

export async function draw(page) {
  const bucket = await find(page);
  page.title(bucket.name);
  const { can } = page.api;
  let wake = () => {};
  const table = new SourceTable(page, bucket, () => wake());
  const head = el("div", { class: "bucket-head" });
  drawHead(head, bucket);
  show(page.main,
    el("p", { class: "small" }, el("a", { href: "#/" }, "Buckets")),
    el("div", { class: "head" },
      el("div", {}, el("h1", { tabindex: -1, dir: "auto" }, bucket.name), bucket.slug !== bucket.name && el("p", { class: "quiet-id" }, bucket.slug)),
      el("form", { class: "inline", role: "search", onSubmit: (event) => searchIn(event, bucket) },
        el("input", { type: "search", name: "q", required: true, "aria-label": `Search in ${bucket.name}`, placeholder: "Search in this bucket" }),
        el("button", { type: "submit" }, "Search"))),
    head,
    can.upload && el("div", { class: "drop" }, el("p", {}, el("strong", {}, "Drop files or folders anywhere"), el("span", { class: "muted" }, " to add them")),
      el("div", { class: "buttons" }, pickers(page, bucket),
        can.addWebsite && el("button", { onClick: () => addWebsite(page, bucket).then(() => wake()) }, "Web page"),
        can.addQa && el("button", { onClick: () => addQa(page, bucket).then(() => wake()) }, "Q&A"))),
    can.upload && uploadsPanel(page, () => wake()),
    absent(page),
    table.node);
  acceptDrops(page, () => bucket);
  await table.load();
  let state = "";
  wake = page.poll(async () => {
    const now = await find(page);
    drawHead(head, now);
    table.renewTimes();
    const isNew = JSON.stringify(now) !== state;
    if (isNew || now.pending) await table.refresh();
    state = JSON.stringify(now);
    return now.pending > 0 || isSending();
  });
}

// The page says what the hosted API lacks, so that people do not look for it.
function absent({ about, api: { can } }) {
  if (about.backend !== "hosted") return undefined;
  const lacks = [!can.read && "the text of sources", !can.download && "originals", !can.sort && "other orders of this list"].filter(Boolean);
  return lacks.length > 0 && el("p", { class: "notice" }, `The hosted Calypso does not offer ${new Intl.ListFormat("en", { type: "disjunction" }).format(lacks)}.`);
}

async function find(page) {
  const every = await page.api.buckets(page.signal);
  const bucket = every.find(({ slug, id }) => slug === page.argument || id === page.argument);
  if (!bucket) throw new Refused(404, "bucket_not_found", "There is no such bucket.");
  return bucket;
}

function drawHead(node, bucket) {
  const state = readinessOf(bucket);
  show(node, el("div", { class: "card-head" }, readiness(bucket),
      el(bucket.failed && !bucket.pending ? "a" : "span", { class: "state", data: { tone: state.tone }, href: bucket.failed && !bucket.pending ? `#/b/${encodeURIComponent(bucket.slug)}?state=failed` : null }, state.word)),
    bucket.description && el("p", { class: "muted" }, bucket.description),
    // Each failed source says why in its row.
    bucket.error && !bucket.failed && el("p", { class: "notice", data: { tone: "bad" } }, bucket.error),
    bucket.agents.length > 0 && el("p", { class: "small muted" }, `Searched by ${bucket.agents.join(", ")}`));
}

function searchIn(event, bucket) {
  event.preventDefault();
  location.hash = `#/search?${new URLSearchParams({ q: String(new FormData(event.target).get("q")), in: bucket.slug })}`;
}
