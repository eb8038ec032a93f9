from __future__ import annotations

import pytest

from calypso_mcp.local.retrieval.ranking import Row, Standing, full_score, mix
from calypso_mcp.local.retrieval.words.stems import Sought


def row(passage: int) -> Row:
    return Row(1, passage, "file", "", "text", "", None, None, None, 0, None, None)


@pytest.mark.parametrize(
    ("scores", "near", "order"),
    [
        ({1: 9.0, 2: 6.0, 3: 3.0}, {1: 0.1, 2: 0.2, 3: 0.9}, [3, 1, 2]),
        # Words outweigh a small difference in meaning.
        ({1: 9.0, 2: 3.0}, {1: 0.5, 2: 0.6}, [1, 2]),
        # Those without a vector stay where they are, and never take part.
        ({1: 9.0, 2: 6.0, 3: 3.0}, {2: 0.1, 3: 0.9}, [1, 3, 2]),
        ({1: 9.0, 2: 6.0, 3: 3.0}, {1: 0.1, 3: 0.9}, [3, 2, 1]),
        ({1: 9.0, 2: 6.0, 3: 3.0}, {3: 0.9}, [1, 2, 3]),
        # Equal ones keep their order.
        ({1: 0.0, 2: 0.0}, {1: 0.5, 2: 0.5}, [1, 2]),
    ],
)
def test_passages_with_vectors_change_places_among_each_other(
    scores: dict[int, float], near: dict[int, float], order: list[int]
) -> None:
    ranked = [(row(passage), Standing(score, passage)) for passage, score in scores.items()]
    mixed = mix(ranked, near, full_score=9.0)
    assert [passage.id for passage, _ in mixed] == order
    assert [standing.held for _, standing in mixed] == order
    places = [standing.score for _, standing in mixed]
    assert places == sorted(places, reverse=True)


def test_passages_without_a_word_of_the_query_score_as_high_as_they_are_close() -> None:
    ranked = [(row(1), Standing(8.0, 1)), (row(2), Standing(0.0, 0)), (row(3), Standing(0.0, 0))]
    mixed = mix(ranked, {1: 0.1, 2: 0.25, 3: 0.75}, full_score=8.0)
    assert [(passage.id, standing.score) for passage, standing in mixed] == [(3, 8.0), (1, 6.0), (2, 2.0)]
    alone = mix(ranked[1:], {2: 0.25, 3: 0.75}, full_score=1.0)
    assert [(passage.id, standing.score) for passage, standing in alone] == [(3, 0.75), (2, 0.25)]


def test_words_count_less_beside_meaning_where_the_best_passage_holds_few_of_those_asked_for() -> None:
    sought = Sought({}, {}, [1.0, 3.0])
    enough, too_little = Standing(2.0, 0b10), Standing(2.0, 0b01)
    assert full_score(enough, sought, absent=0) == 2.0
    assert full_score(too_little, sought, absent=0) == pytest.approx(4.8)
    assert full_score(enough, sought, absent=2) == pytest.approx(4.0)
    assert full_score(Standing(0.0, 0), Sought({}, {}, []), absent=3) == 1.0
