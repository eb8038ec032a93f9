// Every bucket as a card.
import { field, question } from "../dialogs.js";
import { keep } from "../lists.js";
import { acceptDrops, chooseBucket, isSending, uploadsPanel } from "../sending.js";
import { bucketCard } from "../shared/cards.js";
import { el, show } from "../shared/dom.js";
import { counted, numberInWords } from "../shared/words.js";

// So many cards are seen at a glance.
const UNFILTERED = 12;

export async function draw(page) {
  page.title("Buckets");
  const summary = el("p", { class: "muted" });
  const list = el("ul", { class: "cards" });
  const empty = el("div", { class: "empty", hidden: true },
    el("h2", {}, "No buckets yet"),
    el("p", {}, "A bucket holds files, web pages and answers, and lets agents search them. Make one, or drop files here."));
  const filter = el("input", { type: "search", "aria-label": "Filter buckets", placeholder: "Filter by name", hidden: true, onInput: () => drawCards() });
  let found = [];
  let wake = () => {};
  const drawCards = () => {
    const wanted = filter.value.trim().toLowerCase();
    const named = found.filter(({ name, slug }) => `${name}\n${slug}`.toLowerCase().includes(wanted));
    summary.textContent = wanted ? `${numberInWords(named.length)} of ${counted(found.length, "bucket")}` : sums(found);
    keep(list, named, (bucket) => bucket.id, (bucket) => el("li", { data: { bucket: bucket.id } }, bucketCard(bucket, { href: `#/b/${encodeURIComponent(bucket.slug)}` })));
  };
  const update = async () => {
    found = await page.api.buckets(page.signal);
    empty.hidden = found.length > 0;
    filter.hidden = found.length <= UNFILTERED;
    drawCards();
    return isSending() || found.some((bucket) => bucket.pending > 0);
  };
  await update();
  show(page.main,
    el("div", { class: "head" },
      el("div", {}, el("h1", { tabindex: -1 }, "Buckets"), summary),
      el("div", { class: "buttons" }, filter, page.api.can.createBucket && el("button", { class: "main", onClick: () => make(page) }, "New bucket"))),
    page.api.can.upload && uploadsPanel(page, () => wake()),
    list, empty);
  acceptDrops(page, async (node, files) => {
    const id = node.closest?.("[data-bucket]")?.dataset.bucket;
    return found.find((bucket) => bucket.id === id) ?? chooseBucket(page, found, files);
  });
  wake = page.poll(update);
}

function sums(buckets) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.total, 0);
  const indexed = buckets.reduce((sum, bucket) => sum + bucket.indexed, 0);
  return buckets.length ? `${counted(buckets.length, "bucket")}, ${numberInWords(indexed)} of ${counted(total, "source")} searchable` : "";
}

async function make(page) {
  const name = el("input", { name: "name", required: true, maxlength: 120, autocomplete: "off" });
  const description = el("input", { name: "description", maxlength: 1000, autocomplete: "off" });
  const data = await question("New bucket", [field("Name", name), field("What it holds (optional)", description)], { yes: "Create" });
  if (!data) return;
  await page.attempt(async () => {
    const made = await page.api.createBucket(data.get("name").trim(), data.get("description").trim());
    page.say(`${made.name ?? made.slug} is there${made.agents?.length ? `, searched by ${made.agents.join(", ")}` : ""}.`);
    location.hash = `#/b/${encodeURIComponent(made.slug)}`;
  });
}
