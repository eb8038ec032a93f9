"""Plain text and what people write in it: Markdown, notebooks, subtitles, calendars and contacts."""
