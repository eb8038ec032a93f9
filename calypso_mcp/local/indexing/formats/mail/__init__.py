"""Letters: e-mail and Outlook messages with their attachments, which the readers of other formats read."""
