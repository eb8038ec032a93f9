"""One module per file format; HTML and PDF run only in the extraction child process."""
