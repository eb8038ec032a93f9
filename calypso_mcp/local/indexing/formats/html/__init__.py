"""Web pages as blocks of visible text, without what surrounds it. Fetching pages is not done here."""
