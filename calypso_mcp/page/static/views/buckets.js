// Every bucket as a card.
import { field, question } from "../dialogs.js";
import { keep } from "../lists.js";
import { bucketCard } from "../shared/cards.js";
import { el, show } from "../shared/dom.js";
import { counted } from "../shared/words.js";

export async function draw(page) {
  page.title("Buckets");
  const summary = el("p", { class: "muted" });
  const list = el("ul", { class: "cards" });
  const empty = el("div", { class: "empty", hidden: true },
    el("h2", {}, "No buckets yet"),
    el("p", {}, "A bucket holds files, web pages and answers, and lets agents search them. Make one, then drop files into it."));
  const update = async () => {
    const found = await page.api.buckets(page.signal);
    summary.textContent = sums(found);
    empty.hidden = found.length > 0;
    keep(list, found, (bucket) => bucket.id, (bucket) => el("li", {}, bucketCard(bucket, { href: `#/b/${encodeURIComponent(bucket.slug)}` })));
    return found.some((bucket) => bucket.pending > 0);
  };
  await update();
  show(page.main,
    el("div", { class: "head" },
      el("div", {}, el("h1", { tabindex: -1 }, "Buckets"), summary),
      page.api.can.createBucket && el("button", { class: "main", onClick: () => make(page) }, "New bucket")),
    list, empty);
  page.poll(update);
}

function sums(buckets) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.total, 0);
  const indexed = buckets.reduce((sum, bucket) => sum + bucket.indexed, 0);
  return buckets.length ? `${counted(buckets.length, "bucket")}, ${indexed.toLocaleString("en")} of ${counted(total, "source")} searchable` : "";
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
