from calypso_mcp.server.metrics import Metrics


def test_calls_are_counted_by_tool_and_outcome_with_a_histogram_of_their_time() -> None:
    metrics = Metrics(frozenset({"search_bucket"}))
    metrics.tool_call("search_bucket", "ok", 0.2)
    metrics.tool_call("search_bucket", "ok", 0.3)
    metrics.tool_call("search_bucket", "timeout", 400.0)
    text = metrics.render()
    assert 'tool="search_bucket",outcome="ok"} 2' in text
    assert 'tool="search_bucket",outcome="timeout"} 1' in text
    assert 'tool="search_bucket",le="0.25"} 1' in text
    assert 'tool="search_bucket",le="300.0"} 2' in text
    assert 'tool="search_bucket",le="+Inf"} 3' in text
    assert "calypso_tool_seconds_sum" in text


def test_names_that_callers_invent_are_counted_together() -> None:
    metrics = Metrics(frozenset({"search_bucket"}))
    for number in range(1000):
        metrics.tool_call(f'evil"\n{number}', "unknown_tool", 0.1)
    assert 'tool="other",outcome="unknown_tool"} 1000' in metrics.render()
    assert "evil" not in metrics.render()


def test_outcomes_that_an_api_invents_do_not_grow_without_bound() -> None:
    metrics = Metrics(frozenset({"search_bucket"}))
    for number in range(2000):
        metrics.tool_call("search_bucket", f"code_{number}", 0.1)
    assert len(metrics.render().splitlines()) < 700


def test_a_label_value_cannot_break_out_of_its_quotes() -> None:
    metrics = Metrics()
    metrics.tool_call('a"} 1\nforged{x="\\', "ok", 0.1)
    lines = metrics.render().splitlines()
    assert not any(line.startswith("forged") for line in lines)
    assert r'tool="a\"} 1\nforged{x=\"\\"' in metrics.render()


def test_answers_requests_and_bytes_are_counted() -> None:
    metrics = Metrics()
    metrics.answered(200)
    metrics.answered(401)
    metrics.answered(401)
    metrics.requests_made("storage", 3, 1000)
    metrics.in_flight = 7
    text = metrics.render()
    assert 'status="401"} 2' in text
    assert 'target="storage"} 3' in text
    assert "calypso_sent_bytes_total" in text
    assert text.count("# TYPE") == 6
