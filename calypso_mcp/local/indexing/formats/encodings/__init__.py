"""From bytes to text: declared, marked or guessed encodings. What the text means is up to its reader."""
