// What the tools of the MCP server return, as the drawing modules take it.

/** Return a bucket of `list_buckets`. */
export function bucketOf(bucket) {
  const total = Object.values(bucket.sources).reduce((sum, kind) => sum + kind, 0);
  const { pending = 0, failed = 0 } = bucket;
  return {
    id: bucket.slug, slug: bucket.slug, name: bucket.name, total, pending, failed, indexed: Math.max(0, total - pending - failed),
    kinds: { file: 0, ...bucket.sources }, agents: (bucket.agents ?? []).filter((agent) => agent.includes(":")),
  };
}

/** Return a hit of a search, or a citation of `ask_agent`. */
export function hitOf({ file_id: fileId, title, filename, text, place, url, bucket, score }) {
  return { fileId, title, filename, text, place: place ?? "", url, bucket, score };
}
