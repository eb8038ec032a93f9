"""Requests about buckets and what they hold. Sending files to them is the job of `uploading`."""
