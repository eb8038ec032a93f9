// Files on their way: chosen or dropped, asked about where that is needed, sent, and shown while they are.
import { field, question } from "./dialogs.js";
import { amount, filesOfDrop, filesOfInput, sortOut } from "./dropped.js";
import { keep } from "./lists.js";
import { el, show } from "./shared/dom.js";
import { progressRow } from "./shared/progress.js";
import { counted, sizeInWords } from "./shared/words.js";
import { Uploads } from "./uploads.js";

const LISTED = 1000;
const SHOWN = 30;
// Outlives the view: what was dropped is sent on while a person looks elsewhere.
let uploads = null;
let told = () => {};
addEventListener("beforeunload", (event) => { if (uploads?.isBusy) event.preventDefault(); });

const sender = (page) => (uploads ??= new Uploads(page.api, () => told()));

/** Whether anything is being sent. */
export const isSending = () => Boolean(uploads?.isBusy);

/** Return the panel of what is being sent; `ended` is called whenever another file has ended. */
export function uploadsPanel(page, ended) {
  sender(page);
  const panel = el("section", { class: "panel", "aria-label": "Uploads", hidden: true });
  let before = 0;
  told = () => {
    drawUploads(panel);
    const now = uploads.uploads.filter(({ tone }) => tone !== undefined).length;
    if (now > before) ended();
    before = now;
  };
  told();
  return panel;
}

/** Return the buttons that choose files or a folder for a bucket. */
export function pickers(page, bucket) {
  const input = (label, folder) => {
    const chosen = el("input", { type: "file", multiple: true, webkitdirectory: folder, hidden: true, "aria-label": label, onChange: async () => {
      await page.attempt(() => propose(page, bucket, filesOfInput(chosen)));
      chosen.value = "";
    } });
    return [chosen, el("button", { class: folder ? "" : "main", onClick: () => chosen.click() }, label)];
  };
  return [...input("Files", false), ...input("Folder", true)];
}

/** Ask which of `buckets` dropped files go to; returns {id, slug, name}, or null. */
export async function chooseBucket(page, buckets, files) {
  const title = `Where do ${counted(files.length, "file")} go?`;
  // A first bucket is most often called what its folder is.
  const folder = buckets.length ? "" : files[0].path.split("/").slice(0, -1)[0];
  const name = () => el("input", { name: "name", maxlength: 120, autocomplete: "off", required: !buckets.length, value: folder });
  const select = el("select", { name: "bucket" }, buckets.map(({ id, name: label }) => el("option", { value: id }, label)));
  const data = await question(title, [
    buckets.length > 0 && field("Bucket", select),
    page.api.can.createBucket && field(buckets.length ? "Or a new bucket" : "New bucket", name()),
  ].filter(Boolean), { yes: "Go on" });
  if (!data) return null;
  const wanted = (data.get("name") ?? "").trim();
  if (!wanted) return buckets.find(({ id }) => id === data.get("bucket")) ?? null;
  const made = await page.api.createBucket(wanted);
  return { id: made.id ?? made.slug, slug: made.slug, name: made.name ?? made.slug };
}

/**
 * Accept drops anywhere in the view: `bucketAt(node, files)` returns the bucket that a drop on `node` is meant for, or null;
 * `begun(bucket)` is called once something of it is being sent.
 * @param {(bucket: any) => void} [begun]
 */
export function acceptDrops(page, bucketAt, begun = () => {}) {
  const { signal } = page;
  const mark = (isOver) => document.body.classList.toggle("dragging", isOver);
  const target = (node) => {
    document.querySelector(".drop-here")?.classList.remove("drop-here");
    node?.closest?.("[data-bucket]")?.classList.add("drop-here");
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { mark(hasFiles(event)); if (hasFiles(event)) target(event.target); }, { signal });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) { mark(false); target(null); } }, { signal });
  addEventListener("drop", async (event) => {
    mark(false);
    target(null);
    if (!hasFiles(event)) return;
    const { target: node } = event;
    await page.attempt(async () => {
      const files = await filesOfDrop(event.dataTransfer, page.about);
      if (!page.api.can.upload || !files.length) {
        page.say(files.length ? "You may not add files on this server." : "The folder holds no files.");
        return;
      }
      const bucket = await bucketAt(node, files);
      if (bucket && await propose(page, bucket, files)) begun(bucket);
    });
  }, { signal });
}

/** Say what cannot be sent and what is there already, before anything is sent. Returns whether something is. */
async function propose(page, bucket, files) {
  const { ready, refused, known } = sortOut(files, page.about, await namesIn(page, bucket));
  let ifExists = "replace";
  if (refused.length || known.length || !ready.length) {
    const data = await question(ready.length ? `Send ${amount(ready)}?` : "Nothing to send", [
      ready.length > 0 && el("p", { class: "muted" }, `To ${bucket.name}.`),
      refused.length > 0 && el("div", {}, el("h3", {}, `${counted(refused.length, "file")} not sent`),
        el("ul", { class: "reasons", tabindex: 0, "aria-label": "Files that will not be sent" }, refused.map(({ path, reason }) => el("li", {}, el("strong", {}, path), ` ${reason}`)))),
      known.length > 0 && choiceFor(page, known),
    ].filter(Boolean), { yes: ready.length ? "Send" : "Close", no: ready.length ? "Cancel" : "" });
    if (!data || !ready.length) return false;
    ifExists = data.get("exists") ?? ifExists;
  }
  page.say(`Sending ${amount(ready)} to ${bucket.name}.`);
  sender(page).add(ready, bucket.id, ifExists);
  return true;
}

function choiceFor(page, known) {
  const title = `${counted(known.length, "name")} already in this bucket`;
  if (!page.api.can.replace) return el("p", { class: "notice" }, `${title}. This Calypso keeps both versions; it stores identical content only once.`);
  return field(title, el("select", { name: "exists" },
    el("option", { value: "replace" }, "Replace with the new version"),
    el("option", { value: "skip" }, "Leave as it is"),
    el("option", { value: "keep_both" }, "Keep both")));
}

async function namesIn(page, bucket) {
  const names = new Set();
  if (!page.api.can.sources) return names;
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
  const rows = [...failed, ...all.filter(({ tone }) => tone === undefined)].slice(0, SHOWN);
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
  // What has ended needs no bar.
  Object.assign(node.querySelector("progress"), { max: Math.max(total, 1), value: sent, hidden: !uploads.isBusy });
  list.hidden = !rows.length;
}
