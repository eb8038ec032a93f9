"""Reading public web pages and files: which addresses may be reached, what a site asks of robots, the fetch.

An agent, or the text of a document it has read, chooses the URL, so everything here treats it as hostile: a
server must not be led to what only it can reach (OWASP: server-side request forgery).
"""
