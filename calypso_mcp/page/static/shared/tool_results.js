// What the tools of the MCP server return, as the drawing modules take it.

/** Return a bucket of `list_buckets`; the tool does not say how many of its members `failed`. */
export function bucketOf(bucket, failed = 0) {
  const total = Object.values(bucket.sources).reduce((sum, kind) => sum + kind, 0);
  const pending = bucket.pending ?? 0;
  return {
    id: bucket.slug, slug: bucket.slug, name: bucket.name, total, pending, failed, indexed: Math.max(0, total - pending - failed),
    kinds: { file: 0, ...bucket.sources }, agents: (bucket.agents ?? []).filter((agent) => agent.includes(":")),
  };
}

/** Return a hit of `search_bucket`, or a citation of `ask_agent`. */
export function hitOf({ file_id: fileId, title, filename, text, score, place, url, bucket }) {
  return { fileId, title, filename, text, score: score || undefined, place: place ?? "", url, bucket };
}
