// Every bucket as a card.
import { field, question } from "../dialogs.js";
import { keep } from "../lists.js";
import { acceptDrops, isSending, uploadsPanel } from "../sending.js";
import { bucketCard } from "../shared/cards.js";
import { el, show } from "../shared/dom.js";
import { counted, numberInWords } from "../shared/words.js";

export async function draw(page) {
  page.title("Buckets");
  const summary = el("p", { class: "muted" });
  const list = el("ul", { class: "cards" });
  const empty = el("div", { class: "empty", hidden: true },
    el("h2", {}, "No buckets yet"),
    el("p", {}, "A bucket holds files, web pages and answers, and lets agents search them. Make one, then drop files into it."));
  let found = [];
  let wake = () => {};
  const update = async () => {
    found = await page.api.buckets(page.signal);
    summary.textContent = sums(found);
    empty.hidden = found.length > 0;
    keep(list, found, (bucket) => bucket.id, (bucket) => el("li", { data: { bucket: bucket.id } }, bucketCard(bucket, { href: `#/b/${encodeURIComponent(bucket.slug)}` })));
    return isSending() || found.some((bucket) => bucket.pending > 0);
  };
  await update();
  show(page.main,
    el("div", { class: "head" },
      el("div", {}, el("h1", { tabindex: -1 }, "Buckets"), summary),
      page.api.can.createBucket && el("button", { class: "main", onClick: () => make(page) }, "New bucket")),
    page.api.can.upload && uploadsPanel(page, () => wake()),
    list, empty);
  if (page.api.can.upload) {
    acceptDrops(page, async (node, files) => {
      const id = node.closest?.("[data-bucket]")?.dataset.bucket;
      return found.find((bucket) => bucket.id === id) ?? chosenBucket(page, found, files);
    });
  }
  wake = page.poll(update);
}

/** Ask where files go that were dropped beside the cards. */
async function chosenBucket(page, buckets, files) {
  const title = `Where do ${counted(files.length, "file")} go?`;
  const name = () => el("input", { name: "name", maxlength: 120, autocomplete: "off", required: !buckets.length });
  const select = el("select", { name: "bucket" }, buckets.map(({ id, name: label }) => el("option", { value: id }, label)));
  const data = await question(title, [
    buckets.length > 0 && field("Bucket", select),
    page.api.can.createBucket && field(buckets.length ? "Or a new bucket" : "New bucket", name()),
  ].filter(Boolean), { yes: "Go on" });
  if (!data) return null;
  const wanted = (data.get("name") ?? "").trim();
  if (!wanted) return buckets.find(({ id }) => id === data.get("bucket")) ?? null;
  const made = await page.api.createBucket(wanted);
  return { id: made.id ?? made.slug, name: made.name ?? made.slug };
}

function sums(buckets) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.total, 0);
  const indexed = buckets.reduce((sum, bucket) => sum + bucket.indexed, 0);
  return buckets.length ? `${counted(buckets.length, "bucket")}, ${numberInWords(indexed)} of ${counted(total, "source")} searchable` : "";
}

async function make(page) {
  const name = el("input", { name: "name", required: true, maxlength: 120, autocomplete: "off" });
  const data = await question("New bucket", field("Name", name), { yes: "Create" });
  if (!data) return;
  await page.attempt(async () => {
    const made = await page.api.createBucket(data.get("name").trim());
    page.say(`${made.name ?? made.slug} is there${made.agents?.length ? `, searched by ${made.agents.join(", ")}` : ""}.`);
    location.hash = `#/b/${encodeURIComponent(made.slug)}`;
  });
}
