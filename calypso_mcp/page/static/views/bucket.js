// One bucket: how ready it is, what is being sent, and its sources.
import { keep } from "../lists.js";
import { amount, filesOfDrop, filesOfInput, sortOut } from "../dropped.js";
import { field, question } from "../dialogs.js";
import { Refused } from "../api.js";
import { readiness } from "../shared/cards.js";
import { el, show } from "../shared/dom.js";
import { progressRow } from "../shared/progress.js";
import { counted, readinessOf, sizeInWords } from "../shared/words.js";
import { Uploads } from "../uploads.js";
import { addQa, addWebsite } from "./adding.js";
import { SourceTable } from "./source_table.js";

const LISTED = 1000;
// Outlives the view: what was dropped is sent on while a person looks elsewhere.
let uploads = null;
let shown = () => {};
addEventListener("beforeunload", (event) => { if (uploads?.isBusy) event.preventDefault(); });

export async function draw(page) {
  const bucket = await find(page);
  page.title(bucket.name);
  const { can } = page.api;
  let wake = () => {};
  const table = new SourceTable(page, bucket);
  const head = el("div", { class: "bucket-head" });
  drawHead(head, bucket);
  const progress = el("section", { class: "panel", "aria-label": "Uploads", hidden: true });
  const pick = picker(page, bucket);
  show(page.main,
    el("p", { class: "small" }, el("a", { href: "#/" }, "Buckets")),
    el("div", { class: "head" },
      el("div", {}, el("h1", { tabindex: -1 }, bucket.name), bucket.slug !== bucket.name && el("p", { class: "quiet-id" }, bucket.slug)),
      el("form", { class: "inline", role: "search", onSubmit: (event) => searchIn(event, bucket) },
        el("input", { type: "search", name: "q", required: true, "aria-label": `Search in ${bucket.name}`, placeholder: "Search in this bucket" }),
        el("button", { type: "submit" }, "Search"))),
    head,
    can.upload && el("div", { class: "drop" }, el("p", {}, el("strong", {}, "Drop files or folders anywhere"), el("span", { class: "muted" }, " to add them")),
      el("div", { class: "buttons" }, pick.buttons,
        can.addWebsite && el("button", { onClick: () => addWebsite(page, bucket).then(wake) }, "Web page"),
        can.addQa && el("button", { onClick: () => addQa(page, bucket).then(wake) }, "Q&A"))),
    progress,
    table.node);
  uploads ??= new Uploads(page.api, () => shown());
  let ended = 0;
  shown = () => {
    drawUploads(progress);
    const now = uploads.uploads.filter(({ tone }) => tone !== undefined).length;
    if (now > ended) wake();
    ended = now;
  };
  if (can.upload) acceptDrops(page, (files) => pick.take(files));
  await table.load();
  let state = "";
  wake = page.poll(async () => {
    const now = await find(page);
    drawHead(head, now);
    const isNew = JSON.stringify(now) !== state;
    if (isNew || now.pending) await table.refresh();
    state = JSON.stringify(now);
    return now.pending > 0 || uploads.isBusy;
  });
  shown();
}

async function find(page) {
  const every = await page.api.buckets(page.signal);
  const bucket = every.find(({ slug, id }) => slug === page.argument || id === page.argument);
  if (!bucket) throw new Refused(404, "bucket_not_found", "There is no such bucket.");
  return bucket;
}

function drawHead(node, bucket) {
  const state = readinessOf(bucket);
  show(node, el("div", { class: "card-head" }, readiness(bucket), el("span", { class: "state", data: { tone: state.tone } }, state.word)),
    bucket.description && el("p", { class: "muted" }, bucket.description),
    // Each failed source says why in its row.
    bucket.error && !bucket.failed && el("p", { class: "notice", data: { tone: "bad" } }, bucket.error),
    bucket.agents.length > 0 && el("p", { class: "small muted" }, `Searched by ${bucket.agents.join(", ")}`));
}

function searchIn(event, bucket) {
  event.preventDefault();
  location.hash = `#/search?${new URLSearchParams({ q: new FormData(event.target).get("q"), in: bucket.slug })}`;
}

function picker(page, bucket) {
  const take = (files) => page.attempt(() => propose(page, bucket, files));
  const input = (label, folder) => {
    const chosen = el("input", { type: "file", multiple: true, webkitdirectory: folder, hidden: true, "aria-label": label, onChange: async () => {
      await take(filesOfInput(chosen));
      chosen.value = "";
    } });
    return [chosen, el("button", { class: folder ? "" : "main", onClick: () => chosen.click() }, label)];
  };
  return { take, buttons: [...input("Files", false), ...input("Folder", true)] };
}

function acceptDrops(page, take) {
  const { signal } = page;
  const mark = (isOver) => document.body.classList.toggle("dragging", isOver);
  addEventListener("dragenter", (event) => mark(event.dataTransfer?.types.includes("Files")), { signal });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); }, { signal });
  addEventListener("drop", async (event) => {
    mark(false);
    if (event.dataTransfer?.types.includes("Files")) take(await filesOfDrop(event.dataTransfer));
  }, { signal });
}

/** Say what cannot be sent and what is there already, before anything is sent. */
async function propose(page, bucket, files) {
  const { ready, refused, known } = sortOut(files, page.about, await namesIn(page, bucket));
  let ifExists = "replace";
  if (refused.length || known.length || !ready.length) {
    const choice = known.length > 0 && field(`${counted(known.length, "name")} already in this bucket`, el("select", { name: "exists" },
      el("option", { value: "replace" }, "Replace with the new version"),
      el("option", { value: "skip" }, "Leave as it is"),
      el("option", { value: "keep_both" }, "Keep both")));
    const data = await question(ready.length ? `Send ${amount(ready)}?` : "Nothing to send", [
      refused.length > 0 && el("div", {}, el("h3", {}, `${counted(refused.length, "file")} not sent`),
        el("ul", { class: "reasons", tabindex: 0, "aria-label": "Files that are not sent" }, refused.map(({ path, reason }) => el("li", {}, el("strong", {}, path), ` ${reason}`)))),
      choice || "",
    ].filter(Boolean), { yes: ready.length ? "Send" : "Close", no: ready.length ? "Cancel" : "" });
    if (!data || !ready.length) return;
    ifExists = data.get("exists") ?? ifExists;
  }
  page.say(`Sending ${amount(ready)}.`);
  uploads.add(ready, bucket.id, ifExists);
}

async function namesIn(page, bucket) {
  const names = new Set();
  for (let cursor; ;) {
    const found = await page.api.sources(bucket.id, { cursor, limit: LISTED, signal: page.signal });
    for (const { name } of found.sources) names.add(name);
    cursor = found.next;
    if (!cursor) return names;
  }
}

function drawUploads(node) {
  const all = uploads.uploads;
  node.hidden = !all.length;
  if (!all.length) return;
  const failed = all.filter(({ tone }) => tone === "bad");
  const done = all.filter(({ tone }) => tone === "good");
  // Those that need attention first; what was sent is only counted.
  const rows = [...failed, ...all.filter(({ tone }) => tone === undefined)].slice(0, 30);
  const total = all.reduce((sum, { size }) => sum + size, 0);
  const sent = all.reduce((sum, upload) => sum + upload.sent, 0);
  const list = node.querySelector("ul") ?? el("ul", { class: "progress-list" });
  keep(list, rows.map(({ name, sent: bytes, size, word, tone }) => ({ name, sent: bytes, size, word, tone })), ({ name }) => name, progressRow);
  const words = `${done.length} of ${counted(all.length, "file")} sent, ${sizeInWords(sent)} of ${sizeInWords(total)}${failed.length ? `, ${failed.length} failed` : ""}`;
  if (!node.querySelector("h2")) {
    show(node, el("div", { class: "card-head" }, el("h2", {}, ""), el("button", { onClick: () => uploads.clear() }, "Clear")),
      el("progress", { class: "bar", "aria-label": "Bytes sent of all files" }), list);
  }
  node.querySelector("h2").textContent = words;
  node.querySelector("button").hidden = uploads.isBusy;
  Object.assign(node.querySelector("progress"), { max: Math.max(total, 1), value: sent });
}
