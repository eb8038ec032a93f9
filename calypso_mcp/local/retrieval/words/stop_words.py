"""Words that say nothing about what is sought; dropped from queries, never from passages."""

from __future__ import annotations

import re

_ENGLISH = """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her
    hers herself it its itself they them their theirs themselves what which who whom whose this that
    these those am is are was were be been being have has had having do does did doing a an the and but
    if or because as until while of at by for with about against between into through during before
    after above below to from up down in out on off over under again further then once here there when
    where why how all any both each few more most other some such no nor not only own same so than too
    very can could will would should just don now
"""
ENGLISH = frozenset(_ENGLISH.split())

#: Chinese is written without spaces, so its question words are cut out rather than compared.
CHINESE_QUESTION = re.compile(
    "什么|什麼|甚麼|多少|哪些|哪個|哪个|哪里|哪裡|哪儿|哪|为什么|為什麼|为何|為何|如何|怎么|怎麼|怎样|怎樣|谁|誰|吗|嗎|呢"
)
